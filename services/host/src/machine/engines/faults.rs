//! What is told of page faults, of all pagers of this host together.

use metrics::{counter, histogram};
use roost_pager::control::Status;

/// How far one pager's counts are told already. A host that finds a pager of its life before goes on from there.
#[derive(Debug, Default)]
pub(super) struct Told(Option<Status>);

impl Told {
    /// Adds what has come since the status before.
    pub(super) fn add(&mut self, status: &Status) {
        let oldest = std::time::Duration::from_millis(status.oldest_fault_ms);
        histogram!("roost_pager_oldest_fault_seconds").record(oldest.as_secs_f64());
        let before = self.0.replace(status.clone()).unwrap_or_default();
        counter!("roost_pager_faults_total").increment(status.faults.saturating_sub(before.faults));
        for (how, now, before) in [
            ("copied", status.copied_pages, before.copied_pages),
            ("zero", status.zero_pages, before.zero_pages),
            ("prefetched", status.prefetched_pages, before.prefetched_pages),
        ] {
            counter!("roost_pager_pages_total", "how" => how).increment(now.saturating_sub(before));
        }
    }
}
