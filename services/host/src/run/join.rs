//! Joining: the folders, the log, the fence and the lease, before anything on the machine is touched.
//!
//! Whoever is refused here, because another agent has the folder or the host's name, has disturbed nobody.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use roost_journal::jetstream::{Connection, Options, connect};
use roost_runtime::host::{Gate, Over, TTL, Tenure, Terms};
use roost_runtime::port::SystemClock;
use roost_schemas::{HostId, LifeId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::lives;
use crate::machine::RealFence;
use crate::paths::Paths;

/// Who asks to join, and with what.
pub(super) struct Request<'a> {
    pub(super) nats: Options,
    pub(super) state: &'a std::path::Path,
    pub(super) host: &'a HostId,
    /// `roost-fence`.
    pub(super) fence: PathBuf,
}

/// A place in the fleet.
pub(super) struct Joined {
    pub(super) paths: Paths,
    pub(super) connection: Connection,
    pub(super) life: LifeId,
    pub(super) gate: Gate,
    pub(super) tenure: Held,
}

/// The tenure, which goes on by itself.
pub(super) struct Held {
    /// The record by which the lease was taken.
    pub(super) lease: u64,
    keeper: JoinHandle<Over>,
    guard: JoinHandle<()>,
    swept: Option<oneshot::Sender<()>>,
}

impl Held {
    /// Lets the fence open: what is not to run here is destroyed.
    pub(super) fn open(&mut self) {
        if let Some(swept) = self.swept.take() {
            // A tenure that is over tells so itself.
            let _ = swept.send(());
        }
    }

    /// Waits for its end.
    pub(super) async fn over(&mut self) -> Result<Over> {
        (&mut self.keeper).await.context("the tenure's task broke")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keeper.abort();
        self.guard.abort();
    }
}

pub(super) async fn join(request: Request<'_>) -> Result<Joined> {
    let Request {
        nats,
        state,
        host,
        fence,
    } = request;
    let paths = Paths::open(state, host)?;
    let (life, before) = lives::begin(&paths.state)?;
    let fence = Arc::new(RealFence::open(fence, &paths.run).await?);
    let guard = {
        let fence = Arc::clone(&fence);
        tokio::spawn(async move { fence.keep().await })
    };
    let clock = Arc::new(SystemClock);
    let gate = Gate::new(fence, Arc::clone(&clock) as _);
    let connection = connect(nats).await?;
    let terms = Terms {
        leases: Arc::new(connection.leases()),
        fence: Arc::new(gate.clone()),
        clock,
        host: host.clone(),
        life: life.clone(),
        before,
        ttl: TTL,
    };
    let tenure = Tenure::take(terms).await?;
    let lease = tenure.lease();
    let (swept, is_swept) = oneshot::channel();
    let keeper = tokio::spawn(tenure.keep(async move {
        if is_swept.await.is_err() {
            std::future::pending::<()>().await;
        }
    }));
    Ok(Joined {
        paths,
        connection,
        life,
        gate,
        tenure: Held {
            lease,
            keeper,
            guard,
            swept: Some(swept),
        },
    })
}
