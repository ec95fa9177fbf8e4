//! What happens: programs that run and end in sandboxes, as fast as it is wanted.

use std::time::Duration;

use roost_journal::jetstream::JetStreamJournal;
use roost_journal::port::{Append, Journal};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{ExitStatus, ProcessExited, ProcessOrigin, ProcessStarted, SandboxEvent};
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, ProcessId, SandboxId, Sequence, TenantId, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Events of each commit.
pub(crate) const EVENTS: usize = 20;
/// Sandboxes that write at the same time.
const SANDBOXES: usize = 64;

/// Writes `rate` commits a second for so long.
pub(crate) async fn write(journal: JetStreamJournal, rate: usize, time: Duration) {
    let commits = rate * usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    let (begin, each) = (Instant::now(), time / u32::try_from(commits).unwrap_or(u32::MAX));
    let mut sandboxes = JoinSet::new();
    for first in 0..SANDBOXES.min(commits) {
        let journal = journal.clone();
        sandboxes.spawn(async move {
            let id = SandboxId::new(CommandId::random().as_str().replace('-', "")).expect("hex digits");
            let subject = EventSubject::sandbox(TenantId::first(), id);
            let mut last = Sequence(0);
            for turn in (first..commits).step_by(SANDBOXES) {
                sleep_until(begin + each * u32::try_from(turn).unwrap_or(u32::MAX)).await;
                last = append(&journal, &subject, last).await;
            }
        });
    }
    sandboxes.join_all().await;
}

async fn append(journal: &JetStreamJournal, subject: &EventSubject, last: Sequence) -> Sequence {
    let command_id = CommandId::random();
    let commit = Commit {
        command_id: command_id.clone(),
        schema_version: SCHEMA_VERSION,
        at: Timestamp::now(),
        principal: "bench".to_owned(),
        events: (0..EVENTS / 2).flat_map(program).collect(),
    };
    let appended = journal
        .append(subject, last, &command_id, commit.encode().into())
        .await;
    match appended.expect("the log takes it") {
        Append::Stored(sequence) => sequence,
        Append::Conflict(_) => panic!("nobody else writes here"),
    }
}

/// A program's beginning and end.
fn program(number: usize) -> [SandboxEvent; 2] {
    let process = ProcessId::new(format!("p{number}")).expect("a short word");
    let started = ProcessStarted {
        process: process.clone(),
        cmd: "python3".to_owned(),
        args: vec!["-c".to_owned(), "print(sum(range(10)))".to_owned()],
        cwd: None,
        user: None,
        timeout_sec: Some(60),
        pty: false,
        tag: None,
        origin: ProcessOrigin::Command,
    };
    let exited = ProcessExited {
        process,
        status: ExitStatus::Exited { code: 0 },
        duration_ms: 31,
        stdout_bytes: 3,
        stderr_bytes: 0,
    };
    [
        SandboxEvent::ProcessStarted(started),
        SandboxEvent::ProcessExited(exited),
    ]
}
