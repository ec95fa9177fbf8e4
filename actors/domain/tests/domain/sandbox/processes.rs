//! Every program that was admitted ends once, with its sandbox at the latest.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roost_domain::Decision;
use roost_domain::sandbox::{Command, Phase, ProcessEnd};
use roost_schemas::event::{ExitStatus, SandboxEvent, StopReason};

use crate::support::commands::steps;
use crate::support::{History, ended, exec, kill, process_id, vanished};

proptest! {
    #[test]
    fn a_process_starts_once_ends_once_and_does_not_outlive_its_sandbox(steps in steps()) {
        let history = History::of(&steps);
        // How often each was seen to start, and to end.
        let mut seen: BTreeMap<_, (u32, u32)> = BTreeMap::new();
        for event in history.events() {
            match event {
                SandboxEvent::ProcessStarted(started) => seen.entry(&started.process).or_default().0 += 1,
                SandboxEvent::ProcessExited(exited) => {
                    let counts = seen.entry(&exited.process).or_default();
                    prop_assert_eq!(counts.0, 1, "{} ended before it started", exited.process);
                    counts.1 += 1;
                }
                _ => {}
            }
        }
        let state = &history.folded.state;
        for (process, (starts, ends)) in seen {
            prop_assert_eq!(starts, 1, "{}", process);
            let runs = state.processes.contains_key(process);
            prop_assert_eq!(ends, u32::from(!runs), "{}", process);
            prop_assert!(!(runs && state.phase.is_end()), "{} outlived its sandbox", process);
        }
    }
}

fn with_one_process() -> History {
    let mut history = History::in_phase(Phase::Running);
    history
        .tell(Command::Exec {
            process: process_id("p1"),
            exec: exec("ls"),
        })
        .unwrap();
    history
}

fn end(status: ExitStatus) -> Command {
    let (duration_ms, stdout_bytes, stderr_bytes) = (5, 7, 9);
    Command::ProcessEnded(ProcessEnd {
        process: process_id("p1"),
        status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
    })
}

#[test]
fn a_sandboxs_end_closes_what_still_runs_and_says_why() {
    let ends = [
        (
            vec![kill(StopReason::Requested), ended()],
            "the sandbox was stopped",
        ),
        (vec![vanished()], "the sandbox was lost"),
    ];
    for (commands, why) in ends {
        let mut history = with_one_process();
        for command in commands {
            history.tell(command).unwrap();
        }
        let last: Vec<_> = history.events().collect();
        let [
            ..,
            SandboxEvent::ProcessExited(exited),
            SandboxEvent::Stopped | SandboxEvent::Lost(_),
        ] = last[..]
        else {
            panic!("{last:?}");
        };
        assert_eq!(
            exited.status,
            ExitStatus::Unknown {
                reason: why.to_owned()
            }
        );
        let nothing = Ok(Decision::Nothing(history.folded.sequence));
        assert_eq!(
            history.tell(end(ExitStatus::TimedOut)),
            nothing,
            "a late report changes nothing"
        );
    }
}

#[test]
fn a_process_that_ends_while_its_sandbox_stops_keeps_its_own_status() {
    let mut history = with_one_process();
    history.tell(kill(StopReason::Requested)).unwrap();
    history.tell(end(ExitStatus::Exited { code: 3 })).unwrap();
    history.tell(ended()).unwrap();
    let statuses = history.events().filter_map(|event| match event {
        SandboxEvent::ProcessExited(exited) => Some(exited.status.clone()),
        _ => None,
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [ExitStatus::Exited { code: 3 }]);
}

#[test]
fn a_process_that_runs_is_not_started_again() {
    let mut history = with_one_process();
    let again = history.tell(Command::Exec {
        process: process_id("p1"),
        exec: exec("ls"),
    });
    assert_eq!(again, Ok(Decision::Nothing(history.folded.sequence)));
}
