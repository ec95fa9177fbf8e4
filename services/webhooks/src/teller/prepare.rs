//! What is to be told of a commit, if anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::port::{Foreign, Record};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{SandboxId, Sequence};

use super::{Content, Teller};
use crate::message;

/// How long the fleet may take until it is asked again whether it has come so far.
const LOOK: Duration = Duration::from_secs(5);

/// See the module.
pub(super) enum Prepared {
    /// Nothing.
    Pass,
    /// This, in the lane of that sandbox; or that it cannot be told, which is to be put aside.
    Tell(SandboxId, Content),
}

impl Teller {
    pub(super) async fn prepare(&mut self, sequence: Sequence, record: Result<Record, Foreign>) -> Prepared {
        // What is not ours may still stand where a sandbox's commits do: it is put aside, never skipped.
        let (subject, record) = match record {
            Ok(record) => (record.subject.clone(), Ok(record)),
            Err(foreign) => match foreign.subject.parse::<EventSubject>() {
                Ok(subject) => (subject, Err(foreign)),
                Err(_) => return Prepared::Pass,
            },
        };
        let AggregateId::Sandbox(sandbox) = subject.aggregate else {
            return Prepared::Pass;
        };
        while !self.shared.fleet.wait_for(sequence, LOOK).await {
            tracing::warn!(%sequence, "the fleet has not come so far; nothing is told meanwhile");
        }
        let metadata = self.metadata(&sandbox);
        // Of one whose first commit cannot be read nobody knows the labels: that is no reason to skip what is told of it.
        if let Some(labels) = &metadata
            && !message::has_labels(&self.spec, labels)
        {
            return Prepared::Pass;
        }
        let metadata = metadata.unwrap_or_default();
        let body = record.map_err(|foreign| foreign.to_string()).and_then(|record| {
            message::body(&self.id, &self.spec, &sandbox, &metadata, &record)
                .map_err(|undecodable| undecodable.to_string())
        });
        match body {
            Ok(None) => Prepared::Pass,
            Ok(Some(body)) => Prepared::Tell(sandbox, Ok(body)),
            Err(reason) => {
                tracing::error!(%sandbox, %sequence, reason, "a commit cannot be read: it is put aside");
                Prepared::Tell(sandbox, Err(Arc::from(reason)))
            }
        }
    }

    /// The labels of a sandbox, which it has from its first commit on; nothing if that cannot be read.
    pub(super) fn metadata(&self, sandbox: &SandboxId) -> Option<BTreeMap<String, String>> {
        self.shared.fleet.read(|fleet| {
            let requested = fleet
                .sandbox(&self.id.tenant, sandbox)?
                .state
                .requested
                .as_ref()?;
            Some(requested.spec.metadata.clone())
        })
    }
}
