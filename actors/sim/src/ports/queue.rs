//! The command queue, over a faulty way: commands come late, twice and in another order than they were sent.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use roost_journal::memory::Passage;
use roost_journal::port::{Deliveries, Delivery, Message, Queue, QueueError, Settle};
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};

use super::Link;
use crate::faults::Kind;

#[async_trait]
impl Queue for Link {
    async fn publish(&self, subject: &CommandSubject, message: &Message) -> Result<(), QueueError> {
        const ACTION: &str = "publish";
        let about = format!("{subject} {}", message.command_id);
        let passage = self.turn(Kind::Request, ACTION, about).await;
        let stored = self.store(subject, message, passage).await;
        self.took_effect().await;
        answered(ACTION, passage)?;
        stored
    }

    async fn request(
        &self,
        subject: &CommandSubject,
        message: Message,
        patience: Duration,
    ) -> Result<Reply, QueueError> {
        const ACTION: &str = "request";
        let about = format!("{subject} {}", message.command_id);
        let passage = self.turn(Kind::Request, ACTION, about).await;
        self.took_effect().await;
        match passage {
            Passage::Through | Passage::Twice(_) => {
                let queue = self.world.memory().queue();
                queue.request(subject, message, patience).await
            }
            Passage::Lost | Passage::Unanswered | Passage::Late(_) => {
                // Nothing is stored of what this server refuses at once, which nobody hears of.
                let _ = self.store(subject, &message, passage).await;
                Err(answered(ACTION, passage).expect_err("none of these is answered"))
            }
        }
    }

    async fn consume(&self, route: &Route) -> Result<Deliveries, QueueError> {
        const ACTION: &str = "consume";
        let passage = self.turn(Kind::Request, ACTION, route.to_string()).await;
        let deliveries = self.world.memory().queue().consume(route).await?;
        self.took_effect().await;
        answered(ACTION, passage)?;
        let link = self.clone();
        let taken = deliveries.then(move |delivery| {
            let link = link.clone();
            async move { link.take(delivery).await }
        });
        Ok(taken.flat_map(futures::stream::iter).boxed())
    }

    async fn answer(&self, message: &Message, reply: &Reply) -> Result<(), QueueError> {
        const ACTION: &str = "answer";
        let passage = self
            .turn(Kind::Request, ACTION, message.command_id.to_string())
            .await;
        let queue = self.world.memory().queue();
        match passage {
            Passage::Lost => {}
            Passage::Late(after) => {
                let (message, reply) = (message.clone(), reply.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    // Nobody waits for its answer.
                    let _ = queue.answer(&message, &reply).await;
                });
            }
            Passage::Through | Passage::Unanswered | Passage::Twice(_) => {
                queue.answer(message, reply).await?;
            }
        }
        self.took_effect().await;
        // As over NATS: an answer that was lost on the way looks sent.
        Ok(())
    }
}

impl Link {
    /// Lets a command reach the server as `passage` says.
    async fn store(
        &self,
        subject: &CommandSubject,
        message: &Message,
        passage: Passage,
    ) -> Result<(), QueueError> {
        let queue = self.world.memory().queue();
        let after = match passage {
            Passage::Lost => return Ok(()),
            Passage::Through | Passage::Unanswered => return queue.publish(subject, message).await,
            Passage::Late(after) | Passage::Twice(after) => after,
        };
        let stored = match passage {
            Passage::Twice(_) => queue.publish(subject, message).await,
            _ => Ok(()),
        };
        let (subject, message) = (subject.clone(), message.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // Nobody waits for its answer.
            let _ = queue.publish(&subject, &message).await;
        });
        stored
    }

    /// What becomes of one delivery on its way here.
    async fn take(&self, delivery: Result<Delivery, QueueError>) -> Vec<Result<Delivery, QueueError>> {
        let Ok(Delivery {
            subject,
            queued_at,
            again,
            message,
            settle,
        }) = delivery
        else {
            return vec![delivery];
        };
        let about = format!("{subject} {}", message.command_id);
        let passage = self.turn(Kind::Delivery, "take", about).await;
        let delivered = |settle: Box<dyn Settle>, again| {
            Ok(Delivery {
                subject: subject.clone(),
                queued_at,
                again,
                message: message.clone(),
                settle,
            })
        };
        let taken = match passage {
            // Others come first, which were sent after it.
            Passage::Late(after) => {
                // The queue in memory does not fail.
                let _ = settle.later(after).await;
                Vec::new()
            }
            Passage::Lost | Passage::Unanswered => {
                // It is delivered again when its lease is over.
                drop(settle);
                Vec::new()
            }
            Passage::Twice(_) => vec![
                delivered(self.settled_by(settle), again),
                delivered(Box::new(Copied), true),
            ],
            Passage::Through => vec![delivered(self.settled_by(settle), again)],
        };
        self.took_effect().await;
        taken
    }

    fn settled_by(&self, inner: Box<dyn Settle>) -> Box<dyn Settle> {
        let link = self.clone();
        Box::new(Settlement { link, inner })
    }

    async fn settle(
        &self,
        action: &'static str,
        about: String,
        settled: impl Future<Output = Result<(), QueueError>>,
    ) -> Result<(), QueueError> {
        let passage = self.turn(Kind::Request, action, about).await;
        if passage.is_answered() || passage == Passage::Unanswered {
            settled.await?;
        }
        self.took_effect().await;
        answered(action, passage)
    }
}

/// The settlement of a delivery, over a faulty way.
struct Settlement {
    link: Link,
    inner: Box<dyn Settle>,
}

impl std::fmt::Debug for Settlement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Settle for Settlement {
    async fn done(self: Box<Self>) -> Result<(), QueueError> {
        let about = format!("{:?}", self.inner);
        self.link.settle("done", about, self.inner.done()).await
    }

    async fn progress(&self) -> Result<(), QueueError> {
        let about = format!("{:?}", self.inner);
        self.link.settle("progress", about, self.inner.progress()).await
    }

    async fn later(self: Box<Self>, after: Duration) -> Result<(), QueueError> {
        let about = format!("{:?}", self.inner);
        self.link.settle("later", about, self.inner.later(after)).await
    }
}

/// The settlement of a copy, which is that of the original.
#[derive(Debug)]
struct Copied;

#[async_trait]
impl Settle for Copied {
    async fn done(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }

    async fn progress(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn later(self: Box<Self>, _after: Duration) -> Result<(), QueueError> {
        Ok(())
    }
}

fn answered(action: &'static str, passage: Passage) -> Result<(), QueueError> {
    if passage.is_answered() {
        return Ok(());
    }
    Err(QueueError::Unavailable {
        action,
        detail: format!("{passage:?}"),
    })
}
