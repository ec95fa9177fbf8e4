//! A sandbox's own little log: commands in, commits out, and all of them kept.

use proptest::sample::Index;
use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_domain::{Decision, Folded, Rejection};
use roost_schemas::command::Envelope;
use roost_schemas::commit::Commit;
use roost_schemas::event::{PauseReason, SandboxEvent, StopReason};
use roost_schemas::{ProcessId, Sequence, SnapshotId, Timestamp};

use super::commands::{Id, Step, generation_of};
use super::pauses::{pause, resume, sealed};
use super::{
    FIRST, command_id, create, ended, kill, sandbox_id, snapshot_id, start, start_failed, started, vanished,
};

pub(crate) type Answer = Result<Decision<SandboxEvent>, Rejection>;

/// A sandbox and how it came to be what it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) folded: Folded<Sandbox>,
    pub(crate) commits: Vec<(Sequence, Commit<SandboxEvent>)>,
    /// What was asked, accepted or not.
    pub(crate) asked: Vec<Envelope<Command>>,
    pub(crate) now: Timestamp,
    processes: Vec<ProcessId>,
    /// Every id that a snapshot was to have.
    snapshots: Vec<SnapshotId>,
}

impl History {
    /// What follows from `steps`.
    pub(crate) fn of(steps: &[Step]) -> Self {
        Self::watched(steps, |_, _, _, _| ())
    }

    /// The same, with every command shown between the states around it.
    pub(crate) fn watched(
        steps: &[Step],
        mut watch: impl FnMut(&Folded<Sandbox>, &Envelope<Command>, &Answer, &Folded<Sandbox>),
    ) -> Self {
        let mut history = Self::default();
        for step in steps {
            let before = history.folded.clone();
            let envelope = history.envelope(step);
            let answer = history.ask(&envelope);
            watch(&before, &envelope, &answer, &history.folded);
        }
        history
    }

    /// Decides `envelope` and, as a shell would, folds in what follows.
    pub(crate) fn ask(&mut self, envelope: &Envelope<Command>) -> Answer {
        let answer = self.folded.decide(envelope);
        self.asked.push(envelope.clone());
        if let Ok(Decision::Commit(commit)) = &answer {
            // Others' commits stand between ours.
            let sequence = Sequence(self.folded.sequence.0 + 1 + self.asked.len() as u64 % 3);
            self.folded.apply(sequence, commit);
            self.commits.push((sequence, commit.clone()));
        }
        answer
    }

    /// Asks for `command` now, under a new id.
    pub(crate) fn tell(&mut self, command: Command) -> Answer {
        let id = format!("told-{}", self.asked.len());
        let principal = "test".to_owned();
        self.ask(&Envelope {
            command_id: command_id(&id),
            at: self.now,
            principal,
            command,
        })
    }

    /// Whether `command`, asked now, is only put on record: what it asks for is so already.
    pub(crate) fn confirms(&mut self, command: Command) -> bool {
        let before = self.folded.state.clone();
        let Ok(Decision::Commit(commit)) = self.tell(command) else {
            return false;
        };
        matches!(&commit.events[..], [SandboxEvent::Confirmed(_)]) && self.folded.state == before
    }

    /// All events, in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = &SandboxEvent> {
        self.commits.iter().flat_map(|(_, commit)| &commit.events)
    }

    /// A sandbox in `phase`, from the shortest way there.
    pub(crate) fn in_phase(phase: Phase) -> Self {
        let stop = kill(StopReason::Requested);
        let way = match phase {
            Phase::Absent | Phase::Requested => vec![],
            Phase::Placed => vec![Command::Create(create())],
            Phase::Starting => vec![Command::Create(create()), start()],
            Phase::Running => vec![Command::Create(create()), start(), started()],
            Phase::Pausing => vec![Command::Create(create()), start(), started(), pause("s1")],
            Phase::Paused => {
                vec![
                    Command::Create(create()),
                    start(),
                    started(),
                    pause("s1"),
                    sealed(FIRST, "s1"),
                ]
            }
            Phase::Resuming => {
                vec![
                    Command::Create(create()),
                    start(),
                    started(),
                    pause("s1"),
                    sealed(FIRST, "s1"),
                    resume(),
                ]
            }
            Phase::Stopping => vec![Command::Create(create()), start(), started(), stop],
            Phase::Stopped => vec![Command::Create(create()), start(), started(), stop, ended()],
            Phase::Lost => vec![Command::Create(create()), start(), started(), vanished()],
            Phase::Failed => {
                vec![
                    Command::Create(create()),
                    start(),
                    start_failed(),
                    start_failed(),
                    start_failed(),
                ]
            }
        };
        let mut history = Self {
            now: Timestamp(1_000_000),
            ..Self::default()
        };
        for command in way {
            history.tell(command).unwrap();
        }
        assert_eq!(history.folded.state.phase, phase);
        history
    }

    /// The command that `step` means here.
    fn envelope(&mut self, step: &Step) -> Envelope<Command> {
        self.now = Timestamp(self.now.0 + step.after_ms);
        let command_id = match &step.id {
            Id::Again(index) if !self.asked.is_empty() => index.get(&self.asked).command_id.clone(),
            _ => command_id(&format!("c{}", self.asked.len())),
        };
        let mut command = step.command.clone();
        let state = &self.folded.state;
        if let Some(generation) = generation_of(&mut command) {
            // What steps call the first placement is the current one.
            generation.0 = (state.generation().0 + generation.0).saturating_sub(FIRST.0);
        }
        // Mostly the end of time that is so.
        let due = state.expires_at.filter(|_| step.which.index(4) > 0);
        match &mut command {
            Command::Kill(kill) if kill.reason == StopReason::TimedOut => kill.due = due,
            Command::Pause { pause, .. } if pause.reason == PauseReason::TimedOut => pause.due = due,
            _ => {}
        }
        match &mut command {
            // As shells make it.
            Command::Pause { snapshot, .. } | Command::Snapshot { snapshot, .. } => {
                *snapshot = SnapshotId::from_command(&sandbox_id("sb1"), &command_id);
                self.snapshots.push(snapshot.clone());
            }
            Command::Started { restored_from, .. } => {
                // An image is booted once and then restored as well, from a snapshot that only its host knows.
                let base = state.base.as_ref().map(|base| base.id.clone());
                *restored_from = Some(base.unwrap_or_else(|| snapshot_id("boot")));
            }
            // Mostly of what is waited for.
            Command::Sealed { snapshot, .. } => {
                let awaited = state.pausing.iter().map(|pausing| &pausing.snapshot);
                pick(step.which, awaited, &self.snapshots).clone_into(&mut snapshot.id);
            }
            Command::SnapshotTaken { snapshot, .. } => {
                pick(step.which, state.asked.keys(), &self.snapshots).clone_into(&mut snapshot.id);
            }
            Command::SnapshotFailed { snapshot, .. } => {
                pick(step.which, state.asked.keys(), &self.snapshots).clone_into(snapshot);
            }
            Command::TemplateSaved { snapshot, name } => {
                pick(step.which, state.asked.keys(), &self.snapshots).clone_into(snapshot);
                if let Some(Some(asked)) = state.asked.get(snapshot) {
                    name.clone_from(asked);
                }
            }
            Command::Compacted { replaced, snapshot } => {
                let base = state.base.iter().map(|base| &base.id);
                pick(step.which, base, &self.snapshots).clone_into(replaced);
                snapshot.id = SnapshotId::compacted(replaced, 1);
            }
            Command::Exec { process, .. } => {
                *process = ProcessId::from_command(&sandbox_id("sb1"), &command_id);
                self.processes.push(process.clone());
            }
            Command::ProcessAsked { started, .. } => {
                started.process = ProcessId::from_command(&sandbox_id("sb1"), &command_id);
                self.processes.push(started.process.clone());
            }
            Command::ProcessEnded(end) if !self.processes.is_empty() => {
                end.process = step.which.get(&self.processes).clone();
            }
            _ => {}
        }
        Envelope {
            command_id,
            at: self.now,
            principal: "test".into(),
            command,
        }
    }
}

/// One of `awaited`, or now and then of `all`.
fn pick<'a>(
    which: Index,
    awaited: impl Iterator<Item = &'a SnapshotId>,
    all: &'a [SnapshotId],
) -> SnapshotId {
    let awaited: Vec<_> = awaited.collect();
    match (which.index(8), &awaited[..], all) {
        (1.., [_, ..], _) => (*which.get(&awaited)).clone(),
        (_, _, [_, ..]) => which.get(all).clone(),
        _ => snapshot_id("never"),
    }
}
