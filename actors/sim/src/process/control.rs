//! The router and the reconciler, as `roost-reconciler` runs them.

use std::sync::Arc;

use ractor::Actor;
use roost_domain::webhook::Targets;
use roost_runtime::memory::Kept;
use roost_runtime::reconciler::{Arguments, Reconciler};
use roost_runtime::router::Router;

use super::host::FOLD_PATIENCE;
use crate::ports::Link;

pub(super) async fn live(link: Link, keep: Arc<Kept>) {
    let journal = link.journal();
    let fleet = link.fleet().await;
    if fleet.catch_up(&*journal, FOLD_PATIENCE).await.is_err() {
        return;
    }
    let arguments = Arguments {
        journal: Arc::clone(&journal),
        queue: Arc::new(link.clone()),
        leases: Arc::new(link.clone()),
        fleet: fleet.clone(),
        clock: link.clock(),
        keep,
    };
    let Ok((actor, reconciler)) = Reconciler::spawn(None, Reconciler, arguments).await else {
        return;
    };
    link.life.owns(actor.get_cell());
    let router = Router {
        journal,
        queue: Arc::new(link.clone()),
        fleet,
        clock: link.clock(),
        targets: Targets::default(),
    };
    tokio::select! {
        biased;
        () = router.run() => {}
        _ = reconciler => {}
    }
}
