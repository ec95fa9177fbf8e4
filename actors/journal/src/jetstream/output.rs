//! [`OutputLog`] on the stream `OUTPUT`.

use std::sync::Arc;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;
use tokio::time::Instant;

use super::link::Link;
use super::streams::OUTPUT;
use super::tail::{Item, Keeps, Tail};
use crate::pause::Pause;
use crate::port::{JournalError, OutputError, OutputFrames, OutputLog};

/// The output of processes in JetStream; clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamOutput {
    link: Arc<Link>,
}

impl JetStreamOutput {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

#[async_trait]
impl OutputLog for JetStreamOutput {
    async fn publish(&self, subject: &OutputSubject, number: u64, frame: &Frame) -> Result<(), OutputError> {
        let patience = self.link.options.patience;
        let turn = self.link.frames.enter(patience).await;
        let _turn = turn.map_err(|detail| OutputError::Unavailable {
            action: "take a frame",
            detail,
        })?;
        let deadline = Instant::now() + patience;
        let mut pause = Pause::new();
        let id = format!("{subject}/{number}");
        let message = PublishMessage::build()
            .payload(frame.encode().into())
            .message_id(id);
        loop {
            match self.link.store(subject.to_string(), message.clone()).await {
                Ok(_) => return Ok(()),
                Err(error)
                    if Instant::now() >= deadline || error.kind() == PublishErrorKind::MaxPayloadExceeded =>
                {
                    return Err(OutputError::Unavailable {
                        action: "store a frame",
                        detail: error.to_string(),
                    });
                }
                Err(_) => pause.wait().await,
            }
        }
    }

    async fn follow(&self, subject: &OutputSubject) -> Result<OutputFrames, OutputError> {
        let tail = Tail::open(self.link.clone(), OUTPUT, Keeps::Recent, subject.to_string(), 0)
            .await
            .map_err(unreadable)?;
        let frames = futures::stream::unfold(Some(Box::new(tail)), |tail| async {
            let mut tail = tail?;
            let item = tail.next().await.map_err(unreadable);
            let item = item.and_then(|item| frame(&item));
            let ended = matches!(item, Err(_) | Ok(Frame::End { .. }));
            Some((item, (!ended).then_some(tail)))
        });
        Ok(frames.boxed())
    }

    async fn stored(&self, subject: &OutputSubject) -> Result<Vec<Frame>, OutputError> {
        let Some(last) = self.last(subject).await? else {
            return Ok(Vec::new());
        };
        let read = async {
            let mut tail =
                Tail::open(self.link.clone(), OUTPUT, Keeps::Recent, subject.to_string(), 0).await?;
            let mut items = Vec::new();
            // The last one may expire meanwhile: then whoever asks has to ask again.
            while items.last().is_none_or(|item: &Item| item.sequence < last) {
                items.push(tail.next().await?);
            }
            Ok(items)
        };
        let silent = |_| unavailable("they did not arrive");
        let items = tokio::time::timeout(self.link.options.patience, read).await;
        items
            .map_err(silent)?
            .map_err(unreadable)?
            .iter()
            .map(frame)
            .collect()
    }
}

impl JetStreamOutput {
    /// Where the last frame of a process stands, if there is one.
    async fn last(&self, subject: &OutputSubject) -> Result<Option<u64>, OutputError> {
        let stream = self.link.context.get_stream_no_info(OUTPUT).await;
        let stream = stream.map_err(unavailable)?;
        match stream.get_last_raw_message_by_subject(&subject.to_string()).await {
            Ok(message) => Ok(Some(message.sequence)),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn frame(item: &Item) -> Result<Frame, OutputError> {
    Frame::decode(&item.message.payload).map_err(|error| OutputError::Foreign {
        subject: item.message.subject.to_string(),
        detail: error.to_string(),
    })
}

fn unreadable(error: JournalError) -> OutputError {
    unavailable(match error {
        JournalError::Unavailable { detail, .. } => detail,
        other => other.to_string(),
    })
}

fn unavailable(detail: impl std::fmt::Display) -> OutputError {
    OutputError::Unavailable {
        action: "show its frames",
        detail: detail.to_string(),
    }
}
