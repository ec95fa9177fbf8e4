//! The connection that the three ports share, and the guard that checks the server anew after each reconnect.
//!
//! ```text
//!   Connected ─► check ─ fit ────────► writes allowed
//!       ▲          ├──── unfit ──────► writes refused, readers go on
//!       │          └──── no answer ──► ask again
//!   Disconnected ◄───────────────────── (writes wait for their acknowledgement)
//! ```

mod identity;
mod lane;
mod observer;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ServerAddr};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Options;
use super::fitness::{self, Doubt, Unfit};
use crate::pause::Pause;
use crate::port::JournalError;
use lane::Lane;
use observer::Observer;

/// Messages that may wait for a reader. Flow control lets 32 MiB be on their way, which is more small commits than
/// the client's default holds; what it cannot hold it drops, and the reader has to begin anew.
const SUBSCRIPTION: usize = 1 << 18;
/// A server that has said nothing for so long is asked for a sign of life; silent for three times that, it is dialled anew. A
/// connection that died without a word costs a host half of its lease, not all of it.
const SILENCE: Duration = Duration::from_secs(3);
/// How long an answer is awaited that was asked for over another connection than there is now: it may have been sent on this
/// one, or have waited for it.
const GRACE: Duration = Duration::from_millis(250);

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
        let stranger = stranger(&server, &options).to_string();
        let observer = Arc::new(Observer::new(connected, refused, stranger));
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

    /// Done a moment after the next connection is there: what was asked before, and not answered then, mostly never is.
    pub(super) fn anew(&self) -> impl Future<Output = ()> + use<> {
        let mut epoch = self.epoch.clone();
        epoch.mark_unchanged();
        async move {
            match epoch.changed().await {
                Ok(()) => tokio::time::sleep(GRACE).await,
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// What `answer` brings, unless it went with the connection that it was asked for over.
    pub(super) async fn answer<T>(&self, answer: impl Future<Output = T>) -> Result<T, Gone> {
        let anew = self.anew();
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            () = anew => Err(Gone),
        }
    }

    /// Has the server store `message`, once; on an error it may be stored, too.
    pub(super) async fn store(
        &self,
        subject: String,
        message: PublishMessage,
    ) -> Result<PublishAck, PublishError> {
        let stored = async { self.context.send_publish(subject, message).await?.await };
        let gone = |gone| Err(PublishError::with_source(PublishErrorKind::Other, gone));
        self.answer(stored).await.unwrap_or_else(gone)
    }

    /// The last sequence of a stream; the error says what was seen instead.
    pub(super) async fn last_sequence(&self, stream: &str) -> Result<u64, String> {
        let stream = self
            .context
            .get_stream_no_info(stream)
            .await
            .map_err(|error| error.to_string())?;
        let info = self.answer(stream.get_info()).await;
        let info = info.map_err(|gone| gone.to_string())?;
        Ok(info.map_err(|error| error.to_string())?.state.last_sequence)
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

/// An answer that went with its connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection was made anew before the answer came")]
pub(super) struct Gone;

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
        let attempt = identity::options(options)
            .name(&options.name)
            .request_timeout(Some(options.ack_wait))
            .subscription_capacity(SUBSCRIPTION)
            .ping_interval(SILENCE)
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
