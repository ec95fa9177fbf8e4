//! What is played in every world: some clients, and the rules that they and the world are held to.

use futures::future::join_all;
use roost_schemas::TenantId;

use crate::client::Client;
use crate::invariants::Invariants;
use crate::record::Diary;
use crate::run::Play;
use crate::world::World;

/// Clients of a world: enough to get into each other's way.
const CLIENTS: usize = 3;
/// One more, of a tenant that may not have much.
const LIMITED: &str = "limited";

/// The play of `world`.
pub fn play(world: &World) -> Play {
    let diary = Diary::default();
    let limited = TenantId::new(LIMITED).expect("it is one");
    let tenants = std::iter::repeat_n(TenantId::first(), CLIENTS).chain([limited]);
    let clients: Vec<_> = (1..)
        .zip(tenants)
        .map(|(n, tenant)| Client::new(world, &format!("client{n}"), tenant, &diary).run())
        .collect();
    Play {
        clients: Box::pin(async move {
            join_all(clients).await;
        }),
        checker: Box::new(Invariants::new(diary)),
    }
}
