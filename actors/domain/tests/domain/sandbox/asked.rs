//! Programs that clients start through the sandbox's agent.

use roost_domain::Decision;
use roost_domain::sandbox::{Command, MAX_PROCESSES, Phase, ProcessEnd};
use roost_schemas::Generation;
use roost_schemas::command::{Exec, PtySize};
use roost_schemas::event::{ExitStatus, ProcessOrigin, ProcessStarted, SandboxEvent};
use roost_schemas::reply::Code;

use crate::support::{FIRST, History, asked, exec, process_id, vanished};

fn ask(started: ProcessStarted) -> Command {
    Command::ProcessAsked {
        generation: FIRST,
        started,
    }
}

#[test]
fn one_that_is_asked_for_is_recorded_as_it_was_asked_for_and_once() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(ask(asked("a1"))).unwrap();
    assert_eq!(
        history.events().last(),
        Some(&SandboxEvent::ProcessStarted(asked("a1")))
    );
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(ask(asked("a1"))), nothing);
    let origin = history.folded.state.processes.get(&process_id("a1"));
    assert_eq!(origin, Some(&ProcessOrigin::Agent));
}

#[test]
fn the_host_carries_only_those_that_commands_started() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(ask(asked("a1"))).unwrap();
    let command = Command::Exec {
        process: process_id("p1"),
        exec: Exec {
            stdin: true,
            pty: Some(PtySize { cols: 80, rows: 24 }),
            ..exec("bash")
        },
    };
    history.tell(command).unwrap();
    let Some(SandboxEvent::ProcessStarted(started)) = history.events().last() else {
        panic!("{:?}", history.events().last())
    };
    assert!(started.pty && started.origin == ProcessOrigin::Command && started.tag.is_none());
    let commanded: Vec<_> = history.folded.state.commanded().into_iter().collect();
    assert_eq!(commanded, [process_id("p1")]);
    assert_eq!(history.folded.state.processes.len(), 2);
}

#[test]
fn it_ends_by_itself_or_with_its_sandbox() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(ask(asked("a1"))).unwrap();
    history.tell(ask(asked("a2"))).unwrap();
    let end = ProcessEnd {
        process: process_id("a1"),
        status: ExitStatus::Exited { code: 7 },
        duration_ms: 5,
        stdout_bytes: 6,
        stderr_bytes: 0,
    };
    history.tell(Command::ProcessEnded(end.clone())).unwrap();
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(Command::ProcessEnded(end)), nothing);
    history.tell(vanished()).unwrap();
    let ends: Vec<_> = history
        .events()
        .filter_map(|event| match event {
            SandboxEvent::ProcessExited(exited) => Some((exited.process.as_str(), exited.status.clone())),
            _ => None,
        })
        .collect();
    let lost = ExitStatus::Unknown {
        reason: "the sandbox was lost".to_owned(),
    };
    assert_eq!(ends, [("a1", ExitStatus::Exited { code: 7 }), ("a2", lost)]);
}

#[test]
fn it_is_refused_where_nothing_may_start() {
    for phase in [
        Phase::Starting,
        Phase::Pausing,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Lost,
    ] {
        let rejection = History::in_phase(phase).tell(ask(asked("a1"))).unwrap_err();
        assert_eq!(rejection.code(), Code::InvalidState, "{phase:?}");
    }
    let stale = Command::ProcessAsked {
        generation: Generation(0),
        started: asked("a1"),
    };
    let rejection = History::in_phase(Phase::Running).tell(stale).unwrap_err();
    assert_eq!(rejection.code(), Code::InvalidState);
    let huge = ProcessStarted {
        args: vec!["a".repeat(256 * 1024)],
        ..asked("a1")
    };
    let rejection = History::in_phase(Phase::Running).tell(ask(huge)).unwrap_err();
    assert_eq!(rejection.code(), Code::InvalidRequest);
    assert!(
        rejection.to_string().contains("at most 262144 bytes"),
        "{rejection}"
    );
}

#[test]
fn those_of_commands_and_those_of_clients_are_counted_together() {
    let mut history = History::in_phase(Phase::Running);
    for n in 0..MAX_PROCESSES - 1 {
        history.tell(ask(asked(&format!("a{n}")))).unwrap();
    }
    let command = Command::Exec {
        process: process_id("p1"),
        exec: exec("ls"),
    };
    history.tell(command).unwrap();
    let rejection = history.tell(ask(asked("last"))).unwrap_err();
    assert!(
        rejection.to_string().contains("1024 processes running already"),
        "{rejection}"
    );
}
