//! What was so at a place in the log: a repeated request is answered as the first time, whatever has happened since.

use roost_domain::fleet::View;
use roost_domain::sandbox::Sandbox;
use roost_domain::{Aggregate, Folded};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{SandboxId, Sequence};

use crate::error::ApiError;
use crate::state::Gateway;

impl Gateway {
    /// A sandbox as it was at `sequence`, which reads show already. As a rule nothing has come after it, and the log is not
    /// read.
    pub(crate) async fn then(&self, id: &SandboxId, sequence: Sequence) -> Result<View<Sandbox>, ApiError> {
        let still = self.fleet().read(|fleet| {
            let view = fleet.sandbox(self.tenant(), id)?;
            (view.sequence <= sequence).then(|| view.clone())
        });
        match still {
            Some(view) => Ok(view),
            None => self.fold_to(&self.subject(id), sequence).await,
        }
    }

    /// What the commits of `subject` up to `sequence` come to.
    pub(crate) async fn fold_to<A: Aggregate>(
        &self,
        subject: &EventSubject,
        sequence: Sequence,
    ) -> Result<View<A>, ApiError> {
        let mut folded = Folded::<A>::default();
        self.search(subject, Sequence::default(), |record| {
            if record.sequence > sequence {
                return Ok(Some(()));
            }
            folded.apply(record.sequence, &Commit::decode(&record.payload)?);
            Ok(None)
        })
        .await?;
        Ok(View {
            state: folded.state,
            created_at: folded.created_at,
            updated_at: folded.updated_at,
            sequence: folded.sequence,
        })
    }

    /// Where a sandbox came to run for the first time, if it ever did.
    pub(crate) async fn first_run(&self, id: &SandboxId) -> Result<Option<Sequence>, ApiError> {
        self.walk(id, Sequence::default(), |sequence, commit| {
            let runs = |event: &SandboxEvent| matches!(event, SandboxEvent::Running(_));
            commit.events.iter().any(runs).then_some(sequence)
        })
        .await
    }
}
