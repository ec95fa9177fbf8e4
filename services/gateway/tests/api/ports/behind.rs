//! A gateway whose projection is behind the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use roost_journal::port::{Append, Journal, JournalError, Page, Records};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};

use super::stage::{Stage, beside, get, listening, refused};

/// A log whose news come late.
struct Late {
    journal: Arc<dyn Journal>,
    by: Duration,
}

#[async_trait]
impl Journal for Late {
    async fn append(
        &self,
        subject: &EventSubject,
        expected: Sequence,
        command_id: &CommandId,
        payload: Bytes,
    ) -> Result<Append, JournalError> {
        self.journal.append(subject, expected, command_id, payload).await
    }

    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        self.journal.read(subject, after).await
    }

    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError> {
        self.journal.page(filter, after, bytes).await
    }

    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        self.journal.before(time).await
    }

    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError> {
        let by = self.by;
        let records = self.journal.follow(filter, after).await?;
        let late = records.then(move |record| async move {
            tokio::time::sleep(by).await;
            record
        });
        Ok(late.boxed())
    }

    async fn head(&self) -> Result<Sequence, JournalError> {
        self.journal.head().await
    }
}

#[tokio::test]
async fn a_sandbox_that_another_gateway_has_just_made_is_waited_for() {
    let stage = Stage::new().await;
    let port = stage.mirror().await;
    let late = Late {
        journal: Arc::clone(&stage.world.ports.journal),
        by: Duration::from_millis(50),
    };
    let other = beside(&stage.world.ports, FleetHandle::start(Arc::new(late), None).await);
    let address = listening(&other).await;
    let asked = (0..3).map(|_| get(address, "80-nosuch.sandboxes.test", "/", ""));
    let name = stage.name(port);
    let (seen, unknown) = tokio::join!(get(address, &name, "/", ""), futures::future::join_all(asked));
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
    for answer in unknown {
        refused(&answer, 502);
    }
}
