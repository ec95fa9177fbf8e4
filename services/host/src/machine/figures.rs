//! What is told of this machine's slots.

use std::convert::Infallible;
use std::time::Duration;

use metrics::gauge;
use roost_net::SlotPool;

/// How often the figures are told anew.
const INTERVAL: Duration = Duration::from_secs(5);

/// Tells how many slots there are, by what they are, for as long as it is polled.
pub(crate) async fn tell(slots: &SlotPool) -> Infallible {
    loop {
        for (state, count) in [("warm", slots.warm()), ("claimed", slots.owners().len())] {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            gauge!("roost_slots", "state" => state).set(count);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
