//! The connection that the three ports share, and the guard that checks the server anew after each reconnect.
//!
//! ```text
//!   Connected ─► check ─ fit ────────► writes allowed
//!       ▲          ├──── unfit ──────► writes refused, readers go on
//!       │          └──── no answer ──► ask again
//!   Disconnected ◄───────────────────── (writes wait for their acknowledgement)
//! ```

mod lane;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use metrics::counter;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Options;
use super::fitness::{self, Doubt, Unfit};
use crate::pause::Pause;
use crate::port::JournalError;
use lane::Lane;

/// Messages that may wait for a reader. Flow control lets 32 MiB be on their way, which is more small commits than
/// the client's default holds; what it cannot hold it drops, and the reader has to begin anew.
const SUBSCRIPTION: usize = 1 << 18;

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) options: Options,
    /// The server's address without credentials, for messages.
    pub(super) server: String,
    /// Counts the connections that were established.
    pub(super) epoch: watch::Receiver<u64>,
    /// Commits on their way.
    pub(super) appends: Lane,
    /// Commands on their way.
    pub(super) commands: Lane,
    /// Frames of output on their way.
    pub(super) frames: Lane,
    unfit: watch::Receiver<Option<Unfit>>,
    /// Where these credentials were last found not to reach.
    denied: watch::Receiver<String>,
    guard: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.guard.abort();
    }
}

impl Link {
    pub(super) async fn open(options: Options) -> Result<Arc<Self>, JournalError> {
        let server = address(&options.url)?;
        let (connected, epoch) = watch::channel(0);
        let (refused, denied) = watch::channel(String::new());
        let observer = Arc::new(Observer { connected, refused });
        let client = dial(&options, &server, observer).await?;
        let deadline = Instant::now() + options.patience;
        let mut pause = Pause::new();
        loop {
            match fitness::check(&client, &server, options.ack_wait).await {
                Ok(()) => break,
                Err(Doubt::Unfit(unfit)) => return Err(unfit.into()),
                // It cannot be told whether the server is fit, so it is not used.
                Err(Doubt::Unknown(detail)) if Instant::now() >= deadline => {
                    return Err(JournalError::Unavailable {
                        action: "show its settings",
                        detail,
                    });
                }
                Err(Doubt::Unknown(_)) => pause.wait().await,
            }
        }
        let context = ContextBuilder::new()
            .timeout(options.ack_wait)
            .build(client.clone());
        let (verdict, unfit) = watch::channel(None);
        let watched = Guard {
            client: client.clone(),
            server: server.clone(),
            patience: options.ack_wait,
            verdict,
        };
        let guard = tokio::spawn(watched.run(epoch.clone())).abort_handle();
        Ok(Arc::new(Self {
            client,
            context,
            options,
            server,
            epoch,
            appends: Lane::default(),
            commands: Lane::default(),
            frames: Lane::default(),
            unfit,
            denied,
            guard,
        }))
    }

    /// Fails while the server is known not to keep what it acknowledges.
    pub(super) fn fit(&self) -> Result<(), JournalError> {
        self.unfit
            .borrow()
            .clone()
            .map_or(Ok(()), |unfit| Err(unfit.into()))
    }

    /// The last sequence of a stream; the error says what was seen instead.
    pub(super) async fn last_sequence(&self, stream: &str) -> Result<u64, String> {
        let stream = self
            .context
            .get_stream_no_info(stream)
            .await
            .map_err(|error| error.to_string())?;
        let info = stream.get_info().await.map_err(|error| error.to_string())?;
        Ok(info.state.last_sequence)
    }

    /// Done when the server has refused a message to `subject`; it says so to the connection, and to no request.
    pub(super) async fn denied(&self, subject: String) {
        let mut denied = self.denied.clone();
        if denied.wait_for(|last| *last == subject).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A context for requests that change streams, which a busy disk may make slow.
    pub(super) fn patient(&self) -> Context {
        let mut context = self.context.clone();
        context.set_timeout(self.options.patience);
        context
    }
}

struct Guard {
    client: Client,
    server: String,
    patience: Duration,
    verdict: watch::Sender<Option<Unfit>>,
}

impl Guard {
    async fn run(self, mut epoch: watch::Receiver<u64>) {
        while epoch.changed().await.is_ok() {
            let mut pause = Pause::new();
            while self.client.connection_state() == State::Connected {
                match fitness::check(&self.client, &self.server, self.patience).await {
                    Ok(()) => {
                        self.verdict.send_replace(None);
                        break;
                    }
                    Err(Doubt::Unfit(unfit)) => {
                        if self.verdict.borrow().is_none() {
                            let (reason, remedy) = (&unfit.reason, &unfit.remedy);
                            let server = &self.server;
                            tracing::error!(
                                server,
                                reason,
                                remedy,
                                "nats-server came back unfit: writes stop"
                            );
                        }
                        self.verdict.send_replace(Some(unfit));
                        // A verdict is not for ever: whatever made the server look unfit may pass.
                        pause.wait().await;
                    }
                    Err(Doubt::Unknown(detail)) => {
                        tracing::debug!(server = self.server, detail, "cannot check nats-server yet");
                        pause.wait().await;
                    }
                }
            }
        }
    }
}

/// `host:port` of a NATS address; its user and password must reach no message.
fn address(url: &str) -> Result<String, JournalError> {
    let parsed: Result<ServerAddr, _> = url.parse();
    match parsed {
        Ok(address) => Ok(format!("{}:{}", address.host(), address.port())),
        Err(error) => Err(JournalError::Unavailable {
            action: "connect",
            detail: format!("the address is not one such as nats://127.0.0.1:4222: {error}"),
        }),
    }
}

async fn dial(options: &Options, server: &str, observer: Arc<Observer>) -> Result<Client, JournalError> {
    let deadline = Instant::now() + options.patience;
    let mut pause = Pause::new();
    loop {
        let observer = observer.clone();
        let attempt = identified(options)
            .name(&options.name)
            .request_timeout(Some(options.ack_wait))
            .subscription_capacity(SUBSCRIPTION)
            // The client's own pause grows to 4 s; a restarted server should be met within a breath.
            .reconnect_delay_callback(|attempts| Duration::from_millis(20 << attempts.min(4)))
            .event_callback(move |event| {
                observer.observe(&event);
                std::future::ready(())
            })
            .connect(&options.url);
        match tokio::time::timeout_at(deadline, attempt).await {
            Ok(Ok(client)) => return Ok(client),
            // It will not think otherwise when it is asked again.
            Ok(Err(error)) if error.kind() == ConnectErrorKind::AuthorizationViolation => {
                return Err(stranger(server, options));
            }
            Ok(Err(error)) if Instant::now() >= deadline => return Err(unreachable(server, &error)),
            Ok(Err(_)) => pause.wait().await,
            Err(elapsed) => return Err(unreachable(server, &elapsed)),
        }
    }
}

/// As whom, and how closed to others, a connection begins.
fn identified(options: &Options) -> ConnectOptions {
    let mut begun = ConnectOptions::new();
    if let Some(nkey) = &options.nkey {
        begun = begun
            .nkey(nkey.seed().to_owned())
            .custom_inbox_prefix(nkey.inbox());
    }
    if let Some(ca) = &options.ca {
        begun = begun.add_root_certificates(ca.clone()).require_tls(true);
    }
    begun
}

fn stranger(server: &str, options: &Options) -> JournalError {
    let (reason, remedy) = match &options.nkey {
        Some(nkey) => (
            format!("it does not know the user {}", nkey.public()),
            "make its credentials with `roost nats creds` where the server has its configuration from, and reload that",
        ),
        None => (
            "it lets nobody in without credentials".to_owned(),
            "give a file of `roost nats creds` by --nats-nkey",
        ),
    };
    Unfit {
        server: server.to_owned(),
        reason,
        remedy: remedy.to_owned(),
    }
    .into()
}

fn unreachable(server: &str, error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Unavailable {
        action: "connect",
        detail: format!("{server}: {error}"),
    }
}

/// What is noted of the connection's own events.
struct Observer {
    connected: watch::Sender<u64>,
    refused: watch::Sender<String>,
}

impl Observer {
    fn observe(&self, event: &Event) {
        match event {
            Event::Connected => {
                counter!("roost_nats_connected_total").increment(1);
                tracing::info!("connected to NATS");
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
            Event::ServerError(_) | Event::ClientError(_) => {
                tracing::warn!(%event, "NATS reports an error");
            }
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::info!(%event, "NATS connection");
            }
        }
    }
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

/// Whether an error is the server's own "not now": it is up, but JetStream or the stream's leader is not.
pub(super) fn not_now<K>(error: &async_nats::error::Error<K>) -> bool
where
    K: Clone + std::fmt::Debug + std::fmt::Display + PartialEq,
{
    answered(error).is_none_or(|answer| answer.code() >= 500)
}

/// JetStream's answer, if that is what an error holds.
pub(super) fn answered<K>(error: &async_nats::error::Error<K>) -> Option<&jetstream::Error>
where
    K: Clone + std::fmt::Debug + std::fmt::Display + PartialEq,
{
    std::error::Error::source(error)?.downcast_ref()
}
