//! What becomes of a commit that could not be told, put on record in its webhook's own log.

use std::sync::Arc;

use roost_domain::webhook::{Command, Webhook};
use roost_journal::port::{FeedId, Journal};
use roost_runtime::{Ledger, Refusal};
use roost_schemas::command::Envelope;
use roost_schemas::event::GivenUp;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, Sequence, Timestamp};

/// Who writes it.
const PRINCIPAL: &str = "webhooks";
/// Bytes of a reason that are kept: its words may be a target's own, such as all the names in its certificate.
const MAX_REASON: usize = 300;

/// Writes to the log of one webhook; clones write to the same.
#[derive(Clone)]
pub(crate) struct Recorder {
    journal: Arc<dyn Journal>,
    subject: EventSubject,
}

impl Recorder {
    pub(crate) fn new(journal: Arc<dyn Journal>, feed: &FeedId) -> Self {
        Self {
            journal,
            subject: EventSubject::webhook(feed.tenant.clone(), feed.webhook.clone()),
        }
    }

    /// Puts `command` on record, if it says anything new. The place in the log at which it stands.
    pub(crate) async fn record(&self, mut command: Command) -> Result<Sequence, Refusal> {
        if let Command::GiveUp(GivenUp { reason, .. }) = &mut command {
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
        }
        let mut ledger = Ledger::<Webhook>::load(Arc::clone(&self.journal), self.subject.clone()).await?;
        let envelope = Envelope {
            // Random: that nothing is put aside twice is for the webhook to see to, whichever life of ours says it.
            command_id: CommandId::random(),
            at: Timestamp::now(),
            principal: PRINCIPAL.to_owned(),
            command,
        };
        Ok(ledger.execute(&envelope).await?.sequence)
    }

    /// Where the webhook began: what stands behind that is told.
    pub(crate) async fn began(&self) -> Result<Option<Sequence>, Refusal> {
        let page = self.journal.read(&self.subject, Sequence::default()).await?;
        Ok(page.records.first().map(|first| first.sequence))
    }
}
