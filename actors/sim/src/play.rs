//! What is played in every world: some clients, and the rules that they and the world are held to.

use futures::future::join_all;

use crate::client::Client;
use crate::invariants::Invariants;
use crate::record::Diary;
use crate::run::Play;
use crate::world::World;

/// Clients of a world: enough to get into each other's way.
const CLIENTS: usize = 3;

/// The play of `world`.
pub fn play(world: &World) -> Play {
    let diary = Diary::default();
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|n| Client::new(world, &format!("client{n}"), &diary).run())
        .collect();
    Play {
        clients: Box::pin(async move {
            join_all(clients).await;
        }),
        checker: Box::new(Invariants::new(diary)),
    }
}
