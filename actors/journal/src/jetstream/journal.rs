//! [`Journal`] on the stream `EVENTS`.

use std::sync::Arc;

use async_nats::Message;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::DirectGetErrorKind;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};
use tokio::time::Instant;

use super::direct::{self, BATCH_BYTES, Start};
use super::link::{Link, answered, not_now};
use super::page;
use super::record::{Came, record, timestamp};
use super::streams::EVENTS;
use super::tail::{Keeps, Tail};
use crate::append::{self, Attempt, Request, Store};
use crate::dedupe;
use crate::pause::Pause;
use crate::port::{Append, Journal, JournalError, Page, Record, Records};

/// The event log in JetStream; clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamJournal {
    link: Arc<Link>,
}

impl JetStreamJournal {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Repeats a read that the server does not answer, within [`super::Options::patience`].
    async fn patiently<T, F>(&self, read: impl Fn() -> F) -> Result<T, JournalError>
    where
        F: Future<Output = Result<T, JournalError>>,
    {
        let deadline = Instant::now() + self.link.options.patience;
        let mut pause = Pause::new();
        loop {
            match read().await {
                Err(JournalError::Unavailable { .. }) if Instant::now() < deadline => pause.wait().await,
                ended => return ended,
            }
        }
    }
}

#[async_trait]
impl Journal for JetStreamJournal {
    async fn append(
        &self,
        subject: &EventSubject,
        expected: Sequence,
        command_id: &CommandId,
        payload: Bytes,
    ) -> Result<Append, JournalError> {
        let request = Request {
            subject,
            expected,
            command_id,
            payload,
        };
        let patience = self.link.options.patience;
        let turn = self.link.appends.enter(patience).await;
        let _turn = turn.map_err(|detail| JournalError::Unavailable {
            action: "take a commit",
            detail,
        })?;
        append::append(self, request, patience).await
    }

    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        self.patiently(|| self.tail(subject, after)).await
    }

    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError> {
        self.patiently(|| page::page(&self.link, filter, after, bytes))
            .await
    }

    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        match self.patiently(|| page::before(&self.link, time)).await? {
            Some(sequence) => Ok(sequence),
            None => self.head().await,
        }
    }

    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError> {
        let tail = Tail::open(self.link.clone(), EVENTS, Keeps::All, filter.to_string(), after.0).await?;
        let records = futures::stream::unfold(Some(Box::new(tail)), |tail| async {
            let mut tail = tail?;
            let item = tail.next().await.and_then(|item| {
                let Message {
                    subject,
                    headers,
                    payload,
                    ..
                } = item.message;
                record(
                    &subject,
                    item.sequence,
                    headers.as_ref(),
                    item.stored_at,
                    payload,
                    Came::Delivered,
                )
            });
            let goes_on = matches!(item, Ok(_) | Err(JournalError::Foreign(_)));
            let next = goes_on.then_some(tail);
            Some((item, next))
        });
        Ok(records.boxed())
    }

    async fn head(&self) -> Result<Sequence, JournalError> {
        let deadline = Instant::now() + self.link.options.patience;
        let mut pause = Pause::new();
        loop {
            match self.link.last_sequence(EVENTS).await {
                Ok(sequence) => return Ok(Sequence(sequence)),
                Err(detail) if Instant::now() >= deadline => {
                    return Err(JournalError::Unavailable {
                        action: "tell its last sequence",
                        detail,
                    });
                }
                Err(_) => pause.wait().await,
            }
        }
    }
}

impl Store for JetStreamJournal {
    async fn attempt(&self, request: &Request<'_>) -> Result<Attempt, JournalError> {
        self.link.fit()?;
        let publish = PublishMessage::build()
            .payload(request.payload.clone())
            .message_id(dedupe::commit(request.subject, request.command_id))
            .expected_stream(EVENTS)
            .expected_last_subject_sequence(request.expected.0);
        match self.link.store(request.subject.to_string(), publish).await {
            Ok(ack) if ack.duplicate => Ok(Attempt::Duplicate(Sequence(ack.sequence))),
            Ok(ack) => Ok(Attempt::Stored(Sequence(ack.sequence))),
            Err(error) => failed(request, &error),
        }
    }

    async fn tail(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        let read = direct::page(
            &self.link,
            EVENTS,
            &subject.to_string(),
            Start::After(after.0),
            BATCH_BYTES,
        )
        .await;
        let direct::Page { messages, more } = read.map_err(|detail| JournalError::Unavailable {
            action: "read a subject",
            detail,
        })?;
        let records = messages.into_iter().map(stored).collect::<Result<_, _>>()?;
        Ok(Page { records, more })
    }

    async fn at(&self, sequence: Sequence) -> Result<Record, JournalError> {
        let unavailable = |detail: String| JournalError::Unavailable {
            action: "read a commit",
            detail,
        };
        let stream = self.link.context.get_stream_no_info(EVENTS).await;
        let stream = stream.map_err(|error| unavailable(error.to_string()))?;
        match stream.direct_get(sequence.0).await {
            Ok(message) => stored(message),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Err(JournalError::Behind {
                subject: EVENTS.to_owned(),
                seen: sequence,
                detail: "the server names this message as stored, but does not have it".to_owned(),
            }),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

/// The commit in a message.
pub(super) fn stored(message: StreamMessage) -> Result<Record, JournalError> {
    record(
        &message.subject,
        message.sequence,
        Some(&message.headers),
        timestamp(message.time),
        message.payload,
        Came::Read,
    )
}

/// Whether a failed publish leaves a doubt, or is final.
fn failed(request: &Request<'_>, error: &PublishError) -> Result<Attempt, JournalError> {
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Ok(Attempt::WrongSequence(
            answered(error).map_or_else(|| error.to_string(), ToString::to_string),
        )),
        PublishErrorKind::Other if answered(error).is_some() && !not_now(error) => {
            Err(refused(request, error))
        }
        PublishErrorKind::MaxPayloadExceeded => Err(refused(request, error)),
        _ => Ok(Attempt::NoAnswer(error.to_string())),
    }
}

fn refused(request: &Request<'_>, error: &PublishError) -> JournalError {
    let (subject, bytes) = (request.subject.to_string(), request.payload.len());
    JournalError::Refused {
        subject,
        bytes,
        detail: error.to_string(),
    }
}
