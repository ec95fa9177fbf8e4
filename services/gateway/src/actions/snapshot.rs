//! Taking a snapshot of a sandbox: the command, and the wait until it is sealed, or is a template.

use roost_domain::Aggregate;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::command::{SandboxCommand, TakeSnapshot};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::{SandboxId, Sequence, SnapshotId, TemplateName};

use crate::command::confirms;
use crate::error::{ApiError, Code};
use crate::history::Words;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// How the names begin that nobody chose.
const GENERATED: &str = "snap-";

impl Gateway {
    /// Makes a template of a sandbox as it is now, which goes on as it was. Its name, and the place in the log at which it
    /// is there.
    pub(crate) async fn save(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        name: Option<TemplateName>,
    ) -> Result<(TemplateName, Sequence), ApiError> {
        let name = name.map_or_else(|| generated(id, key), Ok)?;
        self.locate(id).await?;
        let take = SandboxCommand::Snapshot(TakeSnapshot {
            name: Some(name.clone()),
        });
        let same = |commit: &_| asks(commit, Some(&name)) || confirms(commit, &take);
        let before = self.done_before(id, key, same);
        if before.await?.is_none() && self.has_template(&name) {
            let message =
                format!("a template {name} exists already: delete it first, or choose another name");
            return Err(ApiError::new(Code::Conflict, message));
        }
        let (_, sequence) = self.take_snapshot(id, key, Some(&name)).await?;
        Ok((name, sequence))
    }

    /// Takes a snapshot of a sandbox that runs on; of a paused one, it is what that is paused as. The place in the log at
    /// which it is there, and with a name also the template of that name.
    pub(crate) async fn take_snapshot(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        name: Option<&TemplateName>,
    ) -> Result<(SnapshotId, Sequence), ApiError> {
        let take = SandboxCommand::Snapshot(TakeSnapshot { name: name.cloned() });
        let asked = self.execute(id, key, &take, |commit| asks(commit, name)).await?;
        let (snapshot, is_pending) = self.asked_for(id, key, asked).await?;
        if !is_pending {
            return Ok((snapshot, asked));
        }
        let words = Words {
            code: Code::SnapshotFailed,
            failed: format!("no snapshot of sandbox {id} came to be"),
            late: (
                format!("the snapshot of sandbox {id} is not there"),
                format!("and may still come to be: GET /v1/sandboxes/{id}/events tells"),
            ),
        };
        let taken = self.follows(id, asked, self.limits().seal, &words, |event| match event {
            SandboxEvent::SnapshotTaken(taken) if taken.snapshot.id == snapshot && name.is_none() => {
                Some(Ok(()))
            }
            SandboxEvent::TemplateSaved(saved) if saved.snapshot == snapshot && Some(&saved.name) == name => {
                Some(Ok(()))
            }
            SandboxEvent::SnapshotFailed(failed) if failed.snapshot == snapshot => Some(Err(&failed.cause)),
            _ => None,
        });
        let sequence = taken.await?;
        Ok((snapshot, sequence))
    }

    /// Which snapshot the command under `key` was decided to mean, and whether it is waited for, by what the sandbox was
    /// at `asked`.
    async fn asked_for(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        asked: Sequence,
    ) -> Result<(SnapshotId, bool), ApiError> {
        let mut sandbox = Sandbox::default();
        self.walk(id, Sequence::default(), |sequence, commit| {
            if sequence > asked {
                return Some(());
            }
            commit.events.iter().for_each(|event| sandbox.evolve(event));
            None
        })
        .await?;
        let meant = match (sandbox.phase, &sandbox.base) {
            (Phase::Paused, Some(base)) => base.id.clone(),
            _ => SnapshotId::from_command(id, &key.id),
        };
        let is_pending = sandbox.asked.contains_key(&meant);
        Ok((meant, is_pending))
    }

    /// Whether sandboxes can start from a template of that name.
    fn has_template(&self, name: &TemplateName) -> bool {
        self.fleet()
            .read(|fleet| fleet.template(self.tenant(), name).is_some())
    }
}

/// Whether a commit is that of a snapshot asked for under that name.
fn asks(commit: &Commit<SandboxEvent>, name: Option<&TemplateName>) -> bool {
    commit
        .events
        .iter()
        .any(|event| matches!(event, SandboxEvent::SnapshotAsked(asked) if asked.name.as_ref() == name))
}

/// A name that no other command gives.
fn generated(id: &SandboxId, key: &CommandKey) -> Result<TemplateName, ApiError> {
    let name = format!("{GENERATED}{}", SnapshotId::from_command(id, &key.id));
    TemplateName::new(name).map_err(|error| ApiError::new(Code::Internal, error.to_string()))
}
