//! [`OutputLog`] on the stream `OUTPUT`.

use std::sync::Arc;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;
use tokio::time::Instant;

use super::link::Link;
use super::streams::OUTPUT;
use super::tail::Tail;
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
        let deadline = Instant::now() + self.link.options.patience;
        let mut pause = Pause::new();
        let id = format!("{subject}/{number}");
        let message = PublishMessage::build()
            .payload(frame.encode().into())
            .message_id(id);
        loop {
            let sent = match self
                .link
                .context
                .send_publish(subject.to_string(), message.clone())
                .await
            {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            match sent {
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
        let tail = Tail::open(self.link.clone(), OUTPUT, subject.to_string(), 0)
            .await
            .map_err(unreadable)?;
        let frames = futures::stream::unfold(Some(Box::new(tail)), |tail| async {
            let mut tail = tail?;
            let item = match tail.next().await {
                Ok(item) => Frame::decode(&item.message.payload).map_err(|error| OutputError::Foreign {
                    subject: item.message.subject.to_string(),
                    detail: error.to_string(),
                }),
                Err(error) => Err(unreadable(error)),
            };
            let ended = matches!(item, Err(_) | Ok(Frame::End { .. }));
            Some((item, (!ended).then_some(tail)))
        });
        Ok(frames.boxed())
    }
}

fn unreadable(error: JournalError) -> OutputError {
    let detail = match error {
        JournalError::Unavailable { detail, .. } => detail,
        other => other.to_string(),
    };
    OutputError::Unavailable {
        action: "show its frames",
        detail,
    }
}
