//! How many messages of one kind may wait for the server's acknowledgement.
//!
//! Each kind has a lane of its own: output that nobody bounds keeps no commit waiting, and neither keeps a host from renewing
//! its lease. What waits here costs its sender's memory; what is on its way costs the client's.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Messages of a kind that may be on their way. More would only wait in the server, which syncs one after the other.
const WIDTH: usize = 256;

/// One kind's way to the server.
#[derive(Debug)]
pub(in super::super) struct Lane(Semaphore);

impl Default for Lane {
    fn default() -> Self {
        Self(Semaphore::new(WIDTH))
    }
}

impl Lane {
    /// Waits at most `patience` for a turn, which lasts as long as the permit. The error says how it stands.
    pub(in super::super) async fn enter(&self, patience: Duration) -> Result<SemaphorePermit<'_>, String> {
        let turn = timeout(patience, self.0.acquire()).await;
        turn.ok()
            .and_then(Result::ok)
            .ok_or_else(|| format!("{WIDTH} others have waited for its answer for {patience:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lane_takes_so_many_and_one_more_waits_a_while() {
        let lane = Lane::default();
        let mut turns = Vec::new();
        for _ in 0..WIDTH {
            turns.push(lane.enter(Duration::ZERO).await.unwrap());
        }
        let refused = lane.enter(Duration::from_secs(1)).await.unwrap_err();
        assert!(
            refused.contains("256 others") && refused.contains("1s"),
            "{refused}"
        );
        let next = lane.enter(Duration::from_secs(1));
        let free = async {
            tokio::task::yield_now().await;
            turns.pop();
        };
        assert!(tokio::join!(next, free).0.is_ok());
    }
}
