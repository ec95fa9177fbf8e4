//! What is told of the fleet, and of how far it has been read, to those who look after a machine.
//!
//! | figure | told by | |
//! |---|---|---|
//! | `roost_log_head`, `roost_log_applied`, `roost_log_lag` | all | the log's end, what is folded in, and the commits between |
//! | `roost_log_unavailable_total` | all | questions for its end that the log did not answer |
//! | `roost_unreadable` | all | aggregates that stand still because a commit of theirs cannot be read |
//! | `roost_sandboxes` | the reconciler | sandboxes that have not ended, by `phase` |
//! | `roost_hosts` | the reconciler | hosts, by `state` |
//! | `roost_host_used_vcpus`, `…_memory_bytes`, `…_capacity_…` | the reconciler | what each `host` has, and what its sandboxes have of that |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use metrics::{counter, gauge};
use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_journal::port::Journal;

use super::FleetHandle;

/// How often the figures are told anew.
const INTERVAL: Duration = Duration::from_secs(5);

impl FleetHandle {
    /// Tells how far the log has been read, for as long as it is polled.
    pub async fn tell_lag(&self, journal: &dyn Journal) -> Infallible {
        loop {
            let applied = self.applied();
            gauge!("roost_log_applied").set(float(applied.0));
            match journal.head().await {
                Ok(head) => {
                    gauge!("roost_log_head").set(float(head.0));
                    gauge!("roost_log_lag").set(float(head.0.saturating_sub(applied.0)));
                }
                Err(error) => {
                    tracing::debug!(%error, "the log's end is not known");
                    counter!("roost_log_unavailable_total").increment(1);
                }
            }
            let unreadable = self.read(|fleet| fleet.all_unreadable().count());
            gauge!("roost_unreadable").set(float(unreadable as u64));
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Tells what there is, for as long as it is polled.
    pub async fn tell_all(&self) -> Infallible {
        loop {
            self.read(tell);
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

fn tell(fleet: &Fleet) {
    let live = Phase::SEEN.into_iter().filter(|phase| !phase.is_end());
    let mut phases: BTreeMap<_, u64> = live.map(|phase| (phase.as_str(), 0)).collect();
    for (_, _, view) in fleet.live() {
        *phases.entry(view.state.phase.as_str()).or_default() += 1;
    }
    for (phase, count) in phases {
        gauge!("roost_sandboxes", "phase" => phase).set(float(count));
    }
    let mut states = BTreeMap::from([("taking", 0), ("drained", 0), ("down", 0)]);
    for (id, view) in fleet.hosts() {
        let state = match &view.state {
            host if host.down.is_some() => "down",
            host if host.drained => "drained",
            _ => "taking",
        };
        *states.entry(state).or_default() += 1;
        let Some(registered) = &view.state.registered else {
            continue;
        };
        let (used, _) = fleet.used(id);
        let tell = |name: &'static str, value: u64| gauge!(name, "host" => id.to_string()).set(float(value));
        tell("roost_host_capacity_vcpus", registered.capacity.vcpus.into());
        tell(
            "roost_host_capacity_memory_bytes",
            bytes(registered.capacity.memory_mb),
        );
        tell("roost_host_used_vcpus", used.vcpus.into());
        tell("roost_host_used_memory_bytes", bytes(used.memory_mb));
    }
    for (state, count) in states {
        gauge!("roost_hosts", "state" => state).set(float(count));
    }
}

fn bytes(mib: u32) -> u64 {
    u64::from(mib) << 20
}

#[expect(clippy::cast_precision_loss, reason = "a figure above 2^53 may be off by one")]
fn float(count: u64) -> f64 {
    count as f64
}
