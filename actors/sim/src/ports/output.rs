//! The output of processes, over a faulty way.

use async_trait::async_trait;
use futures::StreamExt;
use roost_journal::memory::Passage;
use roost_journal::port::{OutputError, OutputFrames, OutputLog};
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;

use super::Link;
use crate::faults::Kind;

#[async_trait]
impl OutputLog for Link {
    async fn publish(&self, subject: &OutputSubject, number: u64, frame: &Frame) -> Result<(), OutputError> {
        const ACTION: &str = "output publish";
        let about = format!("{subject} {number}");
        let passage = self.turn(Kind::Request, ACTION, about).await;
        let output = self.world.memory().output();
        match passage {
            Passage::Lost => {}
            Passage::Late(after) => {
                let (subject, frame) = (subject.clone(), frame.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    // Nobody waits for its answer.
                    let _ = output.publish(&subject, number, &frame).await;
                });
            }
            Passage::Through | Passage::Unanswered | Passage::Twice(_) => {
                output.publish(subject, number, frame).await?;
            }
        }
        self.took_effect().await;
        answered(ACTION, passage)
    }

    async fn follow(&self, subject: &OutputSubject) -> Result<OutputFrames, OutputError> {
        const ACTION: &str = "output follow";
        let passage = self.turn(Kind::Request, ACTION, subject.to_string()).await;
        let frames = self.world.memory().output().follow(subject).await?;
        self.took_effect().await;
        answered(ACTION, passage)?;
        let (link, about) = (self.clone(), subject.to_string());
        let delivered = frames.then(move |frame| {
            let (link, about) = (link.clone(), about.clone());
            async move {
                link.turn(Kind::Item, "output", about).await;
                link.took_effect().await;
                frame
            }
        });
        Ok(delivered.boxed())
    }

    async fn stored(&self, subject: &OutputSubject) -> Result<Vec<Frame>, OutputError> {
        const ACTION: &str = "output read";
        let passage = self.turn(Kind::Request, ACTION, subject.to_string()).await;
        let stored = self.world.memory().output().stored(subject).await;
        self.took_effect().await;
        answered(ACTION, passage)?;
        stored
    }
}

fn answered(action: &'static str, passage: Passage) -> Result<(), OutputError> {
    if passage.is_answered() {
        return Ok(());
    }
    Err(OutputError::Unavailable {
        action,
        detail: format!("{passage:?}"),
    })
}
