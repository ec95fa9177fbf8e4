//! What a process counts, in the text format of Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::StartError;

/// The bounds of every histogram of seconds: from a question to the log up to a cold boot under emulation.
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// How often samples that nobody has asked for are folded into their histograms, so that they do not pile up.
const UPKEEP: Duration = Duration::from_secs(10);

static COLLECTED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to collect what `service` counts.
pub(crate) fn collect(service: &'static str) -> Result<(), StartError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(StartError::Figures)?;
    describe_gauge!(
        "roost_build_info",
        Unit::Count,
        "1, labelled with what this process is"
    );
    gauge!("roost_build_info", "service" => service, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Collector::default().describe();
    let handle = COLLECTED.get_or_init(|| handle);
    tokio::spawn(async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            handle.run_upkeep();
        }
    });
    Ok(())
}

/// What this process has counted until now, and how it is itself; empty before [`crate::start`].
pub fn render() -> String {
    Collector::default().collect();
    COLLECTED.get().map(PrometheusHandle::render).unwrap_or_default()
}
