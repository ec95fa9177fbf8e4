//! What every process of ours tells of itself: its log, its traces and its figures.
//!
//! ```text
//!   tracing ──┬─▶ trace    which trace and span a piece of work belongs to, and what the next process is told
//!             ├─▶ log      lines for people, or JSON with the ids of the trace and of what it is about
//!             └─▶ export   spans for an OpenTelemetry collector, if there is one
//!   metrics ──▶ figures ──▶ listener    GET /metrics, for Prometheus
//! ```
//!
//! What is counted is said where it happens, by the macros of the `metrics` crate; here is who listens.

mod export;
mod figures;
mod listener;
mod log;
pub mod trace;

use std::net::SocketAddr;

pub use figures::render;
pub use log::init;

/// How a process tells of itself: a part of its command line.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
// Whoever takes it in may be called so, too, and clap names a group after each.
#[group(skip)]
pub struct Options {
    /// Where to tell this process's figures to Prometheus, at `/metrics`, to whoever reaches it; port 0 takes a free one.
    /// Without it they are told to nobody.
    #[arg(long = "metrics", value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
}

/// Why a process cannot tell of itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its figures cannot be asked for.
    #[error("cannot listen on {address} for requests for metrics: {source}; choose another --metrics")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// It has begun already.
    #[error("something else in this process collects its figures")]
    Figures(#[source] metrics_exporter_prometheus::BuildError),
}

/// Begins to log, to trace and to count as `service`, such as `roost-host`. To be called once, within a Tokio runtime.
pub async fn start(service: &'static str, options: &Options) -> Result<(), StartError> {
    init(service);
    figures::collect(service)?;
    if let Some(address) = options.metrics {
        let told = listener::listen(address).await;
        let address = told.map_err(|source| StartError::Listen { address, source })?;
        tracing::info!("figures at http://{address}/metrics");
    }
    Ok(())
}
