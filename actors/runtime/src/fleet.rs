//! The fleet as a projection: folded from the whole log by one task, read by everyone in the process.

mod figures;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roost_domain::fleet::Fleet;
use roost_journal::checkpoint::{Change, Checkpoint, CheckpointError, SledCheckpoint};
use roost_journal::port::{Foreign, Journal, JournalError, Record};
use roost_journal::projection::{self, Alarm, Pace, Projection, ProjectionHandle, State, Waited};
use roost_schemas::codec::Undecodable;
use roost_schemas::subject::EventSubject;
use roost_schemas::{Digest, Sequence};
use tokio::time::Instant;

/// The fleet, how far it has come, and which of its aggregates the checkpoint does not have yet: one entry per subject,
/// named by it.
///
/// A commit that cannot be read stops its own aggregate only, with an alarm. A checkpoint says so too, and is of no use to
/// the next life: that one folds from the beginning, because its release may read what this one cannot.
#[derive(Debug, Default)]
pub struct FleetProjection {
    fleet: Fleet,
    applied: Sequence,
    changed: HashSet<EventSubject>,
}

/// Before the subject of what stands still, in a checkpoint. No subject begins so.
const UNREADABLE: &str = "unreadable ";

impl Projection for FleetProjection {
    const NAME: &'static str = "fleet";
    const VERSION: u32 = 8;

    fn apply(&mut self, record: &Record) -> Result<(), Undecodable> {
        let Record {
            subject,
            sequence,
            payload,
            ..
        } = record;
        if let Err(reason) = self.fleet.apply(subject, *sequence, payload) {
            tracing::error!(%subject, %sequence, %reason, "a commit cannot be read: what it is about stands still");
        }
        self.applied = *sequence;
        if !self.changed.contains(subject) {
            self.changed.insert(subject.clone());
        }
        Ok(())
    }

    fn pass(&mut self, foreign: &Foreign) -> bool {
        self.applied = foreign.sequence;
        let Ok(subject) = foreign.subject.parse::<EventSubject>() else {
            // Of something that this release has never heard of, so nothing in the fleet needs it.
            tracing::error!(%foreign, "the log has what is of no use here; it is passed over");
            return true;
        };
        tracing::error!(%foreign, "what it would be about stands still");
        self.fleet.hold(&subject, foreign.sequence, foreign.to_string());
        self.changed.insert(subject);
        true
    }

    fn drain_changes(&mut self) -> Vec<Change> {
        let subjects = std::mem::take(&mut self.changed);
        let mut changes = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let entry = self.fleet.save(&subject);
            if self.fleet.unreadable(&subject).is_some() {
                changes.push((format!("{UNREADABLE}{subject}").into_bytes(), Some(Vec::new())));
            }
            changes.push((subject.to_string().into_bytes(), entry));
        }
        changes
    }

    fn restore(&mut self, applied: Sequence, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable> {
        self.applied = applied;
        for (key, value) in entries {
            self.fleet.restore(&subject(&key)?, &value)?;
        }
        Ok(())
    }
}

impl FleetProjection {
    /// The last commit that is folded in, and the digest of what they all came to.
    pub fn digest(&self) -> (Sequence, Digest) {
        (self.applied, self.fleet.digest())
    }

    /// The fleet.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
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

/// How long folding the whole log may take at the start of a process that acts on it.
pub const REPLAY_PATIENCE: Duration = Duration::from_mins(5);

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

    /// The same with a checkpoint in the state folder of this process.
    pub async fn open(journal: Arc<dyn Journal>, state: &Path) -> Result<Self, CheckpointError> {
        let checkpoint = SledCheckpoint::open(state.join("checkpoint")).await?;
        Ok(Self::start(journal, Some(Arc::new(checkpoint))).await)
    }

    /// Looks at the fleet, which stands still meanwhile: copy out what is needed, and no more.
    pub fn read<R>(&self, look: impl FnOnce(&Fleet) -> R) -> R {
        self.0.read(|projection| look(&projection.fleet))
    }

    /// The last commit that is folded in.
    pub fn applied(&self) -> Sequence {
        self.0.applied()
    }

    /// The last commit that is folded in, and the digest of what they all came to. It reads everything, and the fold waits
    /// meanwhile: for audits.
    pub fn digest(&self) -> (Sequence, Digest) {
        self.0.read(FleetProjection::digest)
    }

    /// What stopped the fold for good, if something did.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.0.state() {
            State::Stopped(alarm) => Some(alarm),
            State::Running | State::Ended => None,
        }
    }

    /// Waits until something stops the fold for good: the log is not the one that was read, or lost a part of it.
    pub async fn stopped(&self) -> String {
        self.0.ended().await;
        self.alarm()
            .map_or_else(|| "it was ended".to_owned(), |alarm| alarm.to_string())
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
            _ => TenantId::system(),
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
    async fn what_does_not_decode_stops_what_it_is_about_in_this_life_and_the_next() {
        let memory = Memory::default();
        let checkpoint: Arc<dyn Checkpoint> = Arc::new(MemoryCheckpoint::default());
        let host = AggregateId::Host(HostId::new("h1").unwrap());
        // A sandbox's event on a host's subject.
        let bad = append(&memory, host.clone(), SandboxEvent::Stopped).await;
        let other = AggregateId::Host(HostId::new("h2").unwrap());
        let last = append(&memory, other, HostEvent::Drained).await;
        let subject = EventSubject {
            tenant: TenantId::system(),
            aggregate: host,
        };
        for _ in 0..2 {
            let fleet = FleetHandle::start(Arc::new(memory.journal()), Some(checkpoint.clone())).await;
            assert!(fleet.wait_for(last, LONG).await);
            fleet.read(|fleet| {
                assert_eq!(fleet.unreadable(&subject).unwrap().sequence, bad);
                assert_eq!(
                    fleet.hosts().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
                    ["h2"]
                );
            });
            assert_eq!(fleet.alarm(), None);
            fleet.stop().await;
        }
    }

    #[tokio::test]
    async fn a_log_that_lost_commits_ends_the_fold() {
        let memory = Memory::default();
        let fleet = FleetHandle::start(Arc::new(memory.journal()), None).await;
        let host = AggregateId::Host(HostId::new("h1").unwrap());
        let last = append(&memory, host, HostEvent::Drained).await;
        assert!(fleet.wait_for(last, LONG).await);
        memory.journal().lose_after(Sequence(0));
        let alarm = tokio::time::timeout(LONG, fleet.stopped()).await.unwrap();
        assert!(alarm.contains("commits were lost"), "{alarm}");
        assert!(matches!(fleet.alarm(), Some(Alarm::Log(_))));
        assert_eq!(
            fleet.until(LONG, |_| None::<()>).await,
            None,
            "it does not wait for what cannot come"
        );
    }

    #[test]
    fn what_is_not_ours_stops_what_it_is_about_and_nothing_else() {
        let mut projection = FleetProjection::default();
        for subject in ["roost.evt.default.volume.v1", "roost.evt.default.sandbox.s1"] {
            assert!(projection.pass(&Foreign {
                sequence: Sequence(1),
                subject: subject.to_owned(),
                detail: "by hand".to_owned(),
            }));
        }
        let held: Vec<_> = projection
            .fleet()
            .all_unreadable()
            .map(|(subject, _)| subject.to_string())
            .collect();
        assert_eq!(held, ["roost.evt.default.sandbox.s1"]);
    }

    #[test]
    fn an_entry_of_no_subject_is_refused() {
        let mut projection = FleetProjection::default();
        assert!(
            projection
                .restore(Sequence(1), vec![(b"nonsense".to_vec(), Vec::new())])
                .is_err()
        );
    }
}
