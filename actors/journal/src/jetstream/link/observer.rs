//! What is noted of the connection's own events.

use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::{ClientError, ConnectErrorKind, Event, ServerError};
use metrics::counter;
use tokio::sync::watch;

/// See the module.
pub(super) struct Observer {
    connected: watch::Sender<u64>,
    refused: watch::Sender<String>,
    /// What is to be said if the server does not let this process in any more, and whether it was.
    stranger: String,
    told: AtomicBool,
}

impl Observer {
    /// Counts connections in `connected`, and tells in `refused` what these credentials did not reach.
    pub(super) fn new(
        connected: watch::Sender<u64>,
        refused: watch::Sender<String>,
        stranger: String,
    ) -> Self {
        Self {
            connected,
            refused,
            stranger,
            told: AtomicBool::new(false),
        }
    }

    pub(super) fn observe(&self, event: &Event) {
        match event {
            Event::Connected => {
                counter!("roost_nats_connected_total").increment(1);
                tracing::info!("connected to NATS");
                self.told.store(false, Ordering::Relaxed);
                self.connected.send_modify(|epoch| *epoch += 1);
            }
            Event::Disconnected => {
                counter!("roost_nats_disconnected_total").increment(1);
                tracing::warn!("disconnected from NATS");
            }
            Event::SlowConsumer(id) => {
                counter!("roost_nats_slow_total").increment(1);
                tracing::warn!(id, "a subscription is read too slowly; messages were dropped");
            }
            Event::ServerError(ServerError::Other(error)) => {
                let Some(subject) = violation(error) else {
                    tracing::warn!(error, "NATS reports an error");
                    return;
                };
                if !is_a_try(subject) {
                    counter!("roost_nats_denied_total").increment(1);
                    tracing::warn!(error, "these credentials do not reach that far");
                }
                self.refused.send_replace(subject.to_owned());
            }
            // It is tried again and again: the server may learn of the credentials, or the file have others.
            Event::ClientError(ClientError::Other(error)) if is_refusal(error) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::error!("{}", self.stranger);
                }
            }
            Event::ServerError(_) | Event::ClientError(_) => {
                tracing::warn!(%event, "NATS reports an error");
            }
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::info!(%event, "NATS connection");
            }
        }
    }
}

/// Whether the server did not let this process in; of its kinds of failure the client tells the words alone.
fn is_refusal(error: &str) -> bool {
    error == ConnectErrorKind::AuthorizationViolation.to_string()
}

/// The subject to which the server let nothing be published, if that is what it reports.
fn violation(error: &str) -> Option<&str> {
    let (_, subject) = error.split_once("Permissions Violation for Publish to \"")?;
    subject.strip_suffix('"')
}

/// Whether it is asked for to see whether these credentials allow it: who may not make or change streams waits for one who may.
fn is_a_try(subject: &str) -> bool {
    ["CREATE", "UPDATE"]
        .iter()
        .any(|change| subject.starts_with(&format!("$JS.API.STREAM.{change}.")))
}
