//! [`Queue`] on the stream `COMMANDS`.

mod consume;
mod headers;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, Subscriber};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::SelectAll;
use roost_schemas::codec;
use roost_schemas::command::{ContentType, MAX_BODY, header};
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use tokio::time::Instant;
use uuid::Uuid;

use super::link::{Link, answered, not_now};
use super::streams::COMMANDS;
use crate::dedupe;
use crate::pause::Pause;
use crate::port::{Deliveries, JournalError, Message, Queue, QueueError};

/// The command queue in JetStream; clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamQueue {
    link: Arc<Link>,
    /// Ends the ids by which the server recognises what this process has sent twice. Tenants send to the same stream, and
    /// one that could tell such an id in advance could have a command of Roost's own, or of another tenant, swallowed.
    salt: Arc<str>,
}

impl JetStreamQueue {
    pub(super) fn new(link: Arc<Link>) -> Self {
        let salt = Uuid::new_v4().simple().to_string().into();
        Self { link, salt }
    }
}

#[async_trait]
impl Queue for JetStreamQueue {
    async fn publish(&self, subject: &CommandSubject, message: &Message) -> Result<(), QueueError> {
        if message.body.len() > MAX_BODY {
            let detail = format!(
                "its body has {} bytes, at most {MAX_BODY} are allowed",
                message.body.len()
            );
            return Err(QueueError::Refused {
                command_id: message.command_id.clone(),
                detail,
            });
        }
        // Soon: whoever sends commands has somebody who waits.
        let turn = self.link.commands.enter(self.link.options.ack_wait).await;
        let _turn = turn.map_err(|detail| QueueError::Full { detail })?;
        let deadline = Instant::now() + self.link.options.patience;
        let mut pause = Pause::new();
        let key = format!("{}/{}", dedupe::key(subject, message), self.salt);
        let headers = headers::write(message, &key);
        let publish = PublishMessage::build()
            .payload(message.body.clone())
            .headers(headers)
            .expected_stream(COMMANDS);
        loop {
            self.link.fit().map_err(|error| unfit(&error))?;
            let sent = self.link.store(subject.to_string(), publish.clone()).await;
            // A duplicate is a success: an earlier try of this sending was stored and its answer lost.
            let Err(error) = sent else { return Ok(()) };
            if let Some(last) = failed(message, &error) {
                return Err(last);
            }
            if Instant::now() >= deadline {
                return Err(unavailable("store a command", &error));
            }
            pause.wait().await;
        }
    }

    async fn request(
        &self,
        subject: &CommandSubject,
        mut message: Message,
        patience: Duration,
    ) -> Result<Reply, QueueError> {
        let began = Instant::now();
        let command_id = message.command_id.clone();
        let mut answers = SelectAll::new();
        let asked = async {
            loop {
                let anew = self.link.anew();
                let inbox = self.link.client.new_inbox();
                let subscribed = self.link.client.subscribe(inbox.clone()).await;
                answers.push(subscribed.map_err(|error| unavailable("open a reply inbox", &error))?);
                message.reply = Some(inbox);
                match self.publish(subject, &message).await {
                    Ok(()) => {}
                    Err(error) if answers.len() == 1 => return Err(error),
                    // It waits there from the first time, and may be answered.
                    Err(error) => tracing::debug!(command = %command_id, %error, "not asked for anew"),
                }
                // Nobody keeps an answer for who is not connected; asked for again, it is given again.
                tokio::select! {
                    biased;
                    reply = first_answer(&message, &mut answers) => return Ok(reply),
                    () = anew => tracing::info!(command = %command_id, "asked for anew: its answer may be lost"),
                }
            }
        };
        match tokio::time::timeout(patience, asked).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) | Err(_) => Err(QueueError::NoAnswer {
                command_id: message.command_id,
                waited: began.elapsed(),
            }),
            Ok(Err(error)) => Err(error),
        }
    }

    async fn consume(&self, route: &Route) -> Result<Deliveries, QueueError> {
        consume::deliveries(self.link.clone(), route).await
    }

    async fn answer(&self, message: &Message, reply: &Reply) -> Result<(), QueueError> {
        match &message.reply {
            Some(inbox) => answer(&self.link, inbox, message.content, reply).await,
            None => Ok(()),
        }
    }
}

/// Sends `reply` to `inbox`, written as the command was.
async fn answer(link: &Link, inbox: &str, content: ContentType, reply: &Reply) -> Result<(), QueueError> {
    let body = match content {
        ContentType::MessagePack => reply.encode(),
        ContentType::Json => {
            serde_json::to_vec(reply).map_err(|error| unavailable("write an answer", &error))?
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content.as_str());
    let sent = link
        .client
        .publish_with_headers(inbox.to_owned(), headers, body.into())
        .await;
    sent.map_err(|error| unavailable("send an answer", &error))
}

/// The first of `answers` that is one to `message`; nothing if they have ended.
async fn first_answer(message: &Message, answers: &mut SelectAll<Subscriber>) -> Option<Reply> {
    while let Some(answer) = answers.next().await {
        match read_answer(message, &answer) {
            Ok(reply) => return Some(reply),
            Err(detail) => {
                tracing::warn!(command = %message.command_id, detail, "what is no answer is passed over");
            }
        }
    }
    None
}

/// The answer to `message`, or what is wrong with it.
fn read_answer(message: &Message, answer: &async_nats::Message) -> Result<Reply, String> {
    let named = answer
        .headers
        .as_ref()
        .and_then(|headers| headers.get(header::CONTENT_TYPE));
    let content = named.map_or(Some(message.content), |value| ContentType::parse(value.as_str()));
    match content {
        Some(ContentType::MessagePack) => Reply::decode(&answer.payload).map_err(|error| error.to_string()),
        Some(ContentType::Json) => {
            codec::decode_json("reply", &answer.payload).map_err(|error| error.to_string())
        }
        None => Err(format!("its content type is {named:?}")),
    }
}

/// What a failed publish means for good; nothing if it is worth another try.
fn failed(message: &Message, error: &PublishError) -> Option<QueueError> {
    let refused = |detail| QueueError::Refused {
        command_id: message.command_id.clone(),
        detail,
    };
    match (error.kind(), answered(error)) {
        (PublishErrorKind::MaxPayloadExceeded, _) => Some(refused(error.to_string())),
        (_, Some(answer)) if answer.error_code() == ErrorCode::STREAM_STORE_FAILED => {
            Some(QueueError::Full {
                detail: answer.to_string(),
            })
        }
        (_, Some(answer)) if !not_now(error) => Some(refused(answer.to_string())),
        _ => None,
    }
}

fn unavailable(action: &'static str, error: &dyn std::fmt::Display) -> QueueError {
    QueueError::Unavailable {
        action,
        detail: error.to_string(),
    }
}

fn unfit(error: &JournalError) -> QueueError {
    QueueError::Unavailable {
        action: "store a command",
        detail: error.to_string(),
    }
}
