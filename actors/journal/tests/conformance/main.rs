//! One suite for both adapters of the ports, and what only a real server can show.

mod backup;
mod faults;
mod fitness;
mod hostile;
mod journal;
mod leases;
mod output;
mod projection;
mod queue;
mod queue_by_hand;
mod sled;
mod world;

/// Runs each scenario on the in-memory adapter and on a nats-server of its own.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario($crate::world::World::memory()).await;
            })*
        }
        mod jetstream {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario($crate::world::World::jetstream().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
