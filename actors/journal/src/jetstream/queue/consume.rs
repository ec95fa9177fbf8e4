//! The consumer of one route: what it is, what it hands out, and how that is settled.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::client::{PublishError, Request};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{AckKind, ErrorCode, Message as Received};
use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::reply::{Code, Rejected, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use tokio::time::Instant;

use super::super::link::Link;
use super::super::record::timestamp;
use super::super::streams::COMMANDS;
use super::headers::{self, Malformed};
use super::{answer, unavailable};
use crate::pause::Pause;
use crate::port::{Deliveries, Delivery, QueueError, Settle, max_taken};

/// The server shows this often that a quiet queue is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The consumer of `route`, which outlives its takers: what was not settled waits for the next.
fn config(route: &Route, lease: Duration) -> pull::Config {
    let name = match route {
        Route::Any => "router".to_owned(),
        Route::Client => "router-client".to_owned(),
        Route::Host(host) => format!("host-{host}"),
    };
    pull::Config {
        name: Some(name.clone()),
        durable_name: Some(name),
        filter_subject: route.filter(),
        deliver_policy: DeliverPolicy::All,
        replay_policy: ReplayPolicy::Instant,
        ack_policy: AckPolicy::Explicit,
        ack_wait: lease,
        max_ack_pending: i64::try_from(max_taken(route)).unwrap_or(i64::MAX),
        // A command is delivered until it is settled; giving one up would lose it.
        max_deliver: -1,
        ..pull::Config::default()
    }
}

struct Intake {
    link: Arc<Link>,
    config: pull::Config,
    messages: Option<pull::Stream>,
    pause: Pause,
}

/// Takes the commands of `route`.
pub(super) async fn deliveries(link: Arc<Link>, route: &Route) -> Result<Deliveries, QueueError> {
    let config = config(route, link.options.lease);
    let deadline = Instant::now() + link.options.patience;
    let mut intake = Intake {
        link,
        config,
        messages: None,
        pause: Pause::new(),
    };
    let alone = matches!(route, Route::Host(_));
    while let Err(detail) = intake.begin(alone).await {
        if Instant::now() >= deadline {
            return Err(unavailable("begin to be consumed", &detail));
        }
        intake.pause.wait().await;
    }
    let items = futures::stream::unfold(intake, |mut intake| async {
        let item = intake.next().await;
        Some((item, intake))
    });
    Ok(items.boxed())
}

impl Intake {
    /// Opens it, for a taker that is `alone` anew: the server would not give it what the taker before has not settled until
    /// that one's lease is over. The stream keeps what was not settled, whoever is there to take it.
    async fn begin(&mut self, alone: bool) -> Result<(), String> {
        if alone && let Some(name) = &self.config.durable_name {
            let context = &self.link.context;
            let deleted = context.delete_consumer_from_stream(name, COMMANDS).await;
            match deleted.map_err(|error| (error.kind(), error)) {
                Ok(_) => {}
                Err((ConsumerErrorKind::JetStream(reason), _))
                    if reason.error_code() == ErrorCode::CONSUMER_NOT_FOUND => {}
                Err((_, error)) => return Err(error.to_string()),
            }
        }
        self.open().await
    }

    async fn open(&mut self) -> Result<(), String> {
        let made = self
            .link
            .context
            .create_consumer_on_stream(self.config.clone(), COMMANDS)
            .await;
        let consumer: PullConsumer = made.map_err(|error| error.to_string())?;
        let messages = consumer.stream().heartbeat(HEARTBEAT).messages().await;
        self.messages = Some(messages.map_err(|error| error.to_string())?);
        self.pause = Pause::new();
        Ok(())
    }

    /// The next command that can be delivered, or what went wrong meanwhile; there is always a next.
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        loop {
            let Some(messages) = &mut self.messages else {
                self.pause.wait().await;
                if let Err(detail) = self.open().await {
                    return Err(unavailable("be consumed", &detail));
                }
                continue;
            };
            match messages.next().await {
                Some(Ok(received)) => {
                    if let Some(delivery) = deliver(&self.link, received).await {
                        return Ok(delivery);
                    }
                }
                // Also after a missed heartbeat: what the client has asked for is forgotten then, as it may be when a connection
                // is replaced by another in the wink of an eye, and it would ask again in half a minute.
                Some(Err(error)) => {
                    self.messages = None;
                    return Err(unavailable("be consumed", &error));
                }
                None => self.messages = None,
            }
        }
    }
}

/// The command in `received`, or nothing if it was malformed and has been rejected.
async fn deliver(link: &Arc<Link>, received: Received) -> Option<Delivery> {
    let stood = received.info().map(|info| {
        (
            info.stream_sequence,
            timestamp(info.published),
            info.delivered > 1,
        )
    });
    let (sequence, queued_at, again) = stood
        .inspect_err(|error| tracing::error!(%error, "a delivery without a place"))
        .ok()?;
    let message = received.message;
    let ticket = Ticket {
        link: link.clone(),
        address: message.reply?,
    };
    let subject: Result<CommandSubject, _> = message.subject.parse();
    let read = headers::read(
        subject.as_ref().ok(),
        message.headers.as_ref(),
        sequence,
        message.payload,
    );
    let malformed = match (subject, read) {
        (Ok(subject), Ok(message)) => {
            return Some(Delivery {
                subject,
                queued_at,
                again,
                message,
                settle: Box::new(ticket),
            });
        }
        (Err(error), Ok(read)) => Malformed {
            reason: error.to_string(),
            reply: read.reply,
            content: read.content,
        },
        (_, Err(malformed)) => malformed,
    };
    reject(link, &message.subject, sequence, &malformed, &ticket).await;
    None
}

async fn reject(link: &Link, subject: &str, sequence: u64, malformed: &Malformed, ticket: &Ticket) {
    let reason = &malformed.reason;
    tracing::warn!(subject, sequence, reason, "a malformed command is rejected");
    if let Some(inbox) = &malformed.reply {
        let rejected = Rejected {
            code: Code::InvalidRequest,
            message: reason.clone(),
        };
        if let Err(error) = answer(link, inbox, malformed.content, &Reply::Rejected(rejected)).await {
            tracing::warn!(subject, sequence, %error, "the rejection did not reach its sender");
        }
    }
    // When this is lost the command comes again and is rejected again.
    if let Err(error) = ticket.send(AckKind::Term).await {
        tracing::warn!(
            subject,
            sequence,
            %error,
            "a malformed command could not be removed"
        );
    }
}

/// The settlement of one delivery.
struct Ticket {
    link: Arc<Link>,
    /// The server's subject for answers to this delivery.
    address: Subject,
}

impl Ticket {
    async fn send(&self, kind: AckKind) -> Result<(), PublishError> {
        self.link.client.publish(self.address.clone(), kind.into()).await
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ticket").field(&self.address).finish()
    }
}

#[async_trait]
impl Settle for Ticket {
    async fn done(self: Box<Self>) -> Result<(), QueueError> {
        // async-nats' own double ack takes any answer for a yes, also "no responders" from a server that just started.
        let request = Request::new().payload(AckKind::Ack.into());
        let known = self.link.client.send_request(self.address, request).await;
        known
            .map(drop)
            .map_err(|error| unavailable("confirm that a command is done", &error))
    }

    async fn progress(&self) -> Result<(), QueueError> {
        self.send(AckKind::Progress)
            .await
            .map_err(|error| unavailable("note progress on a command", &error))
    }

    async fn later(self: Box<Self>, after: Duration) -> Result<(), QueueError> {
        let sent = self.send(AckKind::Nak(Some(after))).await;
        sent.map_err(|error| unavailable("put a command off", &error))
    }
}
