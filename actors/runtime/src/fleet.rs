//! The fleet as a projection: folded from the whole log by one task, read by everyone in the process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use roost_domain::fleet::Fleet;
use roost_journal::checkpoint::{Change, Checkpoint};
use roost_journal::port::{Journal, JournalError, Record};
use roost_journal::projection::{self, Alarm, Pace, Projection, ProjectionHandle, State, Waited};
use roost_schemas::Sequence;
use roost_schemas::codec::Undecodable;
use roost_schemas::subject::EventSubject;
use tokio::time::Instant;

/// The fleet, and which of its aggregates the checkpoint does not have yet: one entry per subject, named by it.
#[derive(Debug, Default)]
pub struct FleetProjection {
    fleet: Fleet,
    changed: HashSet<EventSubject>,
}

impl Projection for FleetProjection {
    const NAME: &'static str = "fleet";
    const VERSION: u32 = 5;

    fn apply(&mut self, record: &Record) -> Result<(), Undecodable> {
        self.fleet
            .apply(&record.subject, record.sequence, &record.payload)?;
        if !self.changed.contains(&record.subject) {
            self.changed.insert(record.subject.clone());
        }
        Ok(())
    }

    fn drain_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .iter()
            .map(|subject| (subject.to_string().into_bytes(), self.fleet.save(subject)))
            .collect()
    }

    fn restore(&mut self, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable> {
        for (key, value) in entries {
            self.fleet.restore(&subject(&key)?, &value)?;
        }
        Ok(())
    }
}

fn subject(key: &[u8]) -> Result<EventSubject, Undecodable> {
    String::from_utf8_lossy(key)
        .parse()
        .map_err(|error| Undecodable::Malformed {
            what: "name of a checkpoint entry",
            bytes: key.len(),
            reason: format!("{error}"),
        })
}

/// Why the fleet is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum NotCaughtUp {
    /// The log would not tell how far it reaches.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The fold stands still, or was not done in time.
    #[error(transparent)]
    Fold(#[from] Waited),
}

/// What readers of the fleet hold; clones share it.
#[derive(Debug, Clone)]
pub struct FleetHandle(ProjectionHandle<FleetProjection>);

impl FleetHandle {
    /// Restores the fleet from `checkpoint`, if there is one, and lets it follow `journal`.
    pub async fn start(journal: Arc<dyn Journal>, checkpoint: Option<Arc<dyn Checkpoint>>) -> Self {
        Self(projection::start(journal, checkpoint, Pace::default()).await)
    }

    /// Looks at the fleet, which stands still meanwhile: copy out what is needed, and no more.
    pub fn read<R>(&self, look: impl FnOnce(&Fleet) -> R) -> R {
        self.0.read(|projection| look(&projection.fleet))
    }

    /// The last commit that is folded in.
    pub fn applied(&self) -> Sequence {
        self.0.applied()
    }

    /// What stopped the fold for good, if something did.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.0.state() {
            State::Stopped(alarm) => Some(alarm),
            State::Running | State::Ended => None,
        }
    }

    /// Waits until everything that is in `journal` now is folded in, and fails when `patience` ends or the fold stops.
    pub async fn catch_up(&self, journal: &dyn Journal, patience: Duration) -> Result<(), NotCaughtUp> {
        let head = journal.head().await?;
        Ok(self.0.wait_for(head, Instant::now() + patience).await?)
    }

    /// Waits until `sequence` is folded in. Whether it is, when `patience` ends or the fold stops.
    pub async fn wait_for(&self, sequence: Sequence, patience: Duration) -> bool {
        self.0.wait_for(sequence, Instant::now() + patience).await.is_ok()
    }

    /// Waits until `look` finds something, looking again after every change. Nothing, when `patience` ends or the fold
    /// stops.
    pub async fn until<R>(&self, patience: Duration, mut look: impl FnMut(&Fleet) -> Option<R>) -> Option<R> {
        let deadline = Instant::now() + patience;
        loop {
            // Taken before the look: what is folded in after it wakes this up.
            let seen = self.applied();
            if let Some(found) = self.read(&mut look) {
                return Some(found);
            }
            self.0.wait_for(Sequence(seen.0 + 1), deadline).await.ok()?;
        }
    }

    /// Saves the checkpoint and ends the fold; what was folded can still be read.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use roost_journal::checkpoint::MemoryCheckpoint;
    use roost_journal::memory::Memory;
    use roost_schemas::commit::{Commit, SCHEMA_VERSION};
    use roost_schemas::event::{HostEvent, Payload, SandboxEvent};
    use roost_schemas::subject::AggregateId;
    use roost_schemas::{CommandId, HostId, SandboxId, TenantId, Timestamp};

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    async fn append<E: Payload>(memory: &Memory, aggregate: AggregateId, event: E) -> Sequence {
        let tenant = match aggregate {
            AggregateId::Sandbox(_) => TenantId::new("default").unwrap(),
            AggregateId::Template(_) | AggregateId::Host(_) => TenantId::system(),
        };
        let subject = EventSubject { tenant, aggregate };
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1),
            principal: "test".into(),
            events: vec![event],
        };
        let payload = commit.encode().into();
        let stored = memory
            .journal()
            .append(&subject, Sequence(0), &commit.command_id, payload)
            .await
            .unwrap();
        let roost_journal::port::Append::Stored(sequence) = stored else {
            panic!("{stored:?}")
        };
        sequence
    }

    #[tokio::test]
    async fn a_restarted_fleet_is_the_same_and_goes_on() {
        let memory = Memory::default();
        let checkpoint: Arc<dyn Checkpoint> = Arc::new(MemoryCheckpoint::default());
        let sandbox = SandboxId::new("s1").unwrap();
        append(&memory, AggregateId::Sandbox(sandbox), SandboxEvent::Stopped).await;
        let second = append(
            &memory,
            AggregateId::Host(HostId::new("h1").unwrap()),
            HostEvent::Drained,
        )
        .await;

        let first = FleetHandle::start(Arc::new(memory.journal()), Some(checkpoint.clone())).await;
        assert!(first.wait_for(second, LONG).await);
        first.stop().await;
        let before = first.read(Fleet::clone);

        let again = FleetHandle::start(Arc::new(memory.journal()), Some(checkpoint)).await;
        assert_eq!(again.applied(), second, "restored, not folded anew");
        assert_eq!(again.read(Fleet::clone), before);
        let hosts = again.until(LONG, |fleet| {
            Some(fleet.hosts().count()).filter(|count| *count == 2)
        });
        let more = append(
            &memory,
            AggregateId::Host(HostId::new("h2").unwrap()),
            HostEvent::Drained,
        );
        assert_eq!(tokio::join!(hosts, more).0, Some(2));
    }

    #[tokio::test]
    async fn what_does_not_decode_stops_the_fold_with_an_alarm() {
        let memory = Memory::default();
        let fleet = FleetHandle::start(Arc::new(memory.journal()), None).await;
        let host = AggregateId::Host(HostId::new("h1").unwrap());
        // A sandbox's event on a host's subject.
        let bad = append(&memory, host, SandboxEvent::Stopped).await;
        assert!(!fleet.wait_for(bad, LONG).await);
        assert!(matches!(fleet.alarm(), Some(Alarm::Undecodable { .. })));
        assert_eq!(
            fleet.until(LONG, |_| None::<()>).await,
            None,
            "it does not wait for what cannot come"
        );
    }

    #[test]
    fn an_entry_of_no_subject_is_refused() {
        let mut projection = FleetProjection::default();
        assert!(
            projection
                .restore(vec![(b"nonsense".to_vec(), Vec::new())])
                .is_err()
        );
    }
}
