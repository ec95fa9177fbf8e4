//! A host that is down: what becomes of a sandbox in each phase.

use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_domain::{Decision, Rejection};
use roost_schemas::Generation;
use roost_schemas::event::{Cause, ExitStatus, SandboxEvent};
use roost_schemas::reply::Code;
use roost_schemas::spec::OnHostDown;

use crate::support::pauses::{SECOND, pause, resumed, sealed, take, taken};
use crate::support::{FIRST, History, asked, create, exec, host_down, process_id, snapshot, start, started};

/// A running one that would rather go back than be lost.
fn survivor() -> History {
    let mut create = create();
    create.spec.on_host_down = OnHostDown::Resume;
    let mut history = History::default();
    for command in [Command::Create(create), start(), started()] {
        history.tell(command).unwrap();
    }
    history
}

fn is_lost(sandbox: &Sandbox) -> bool {
    sandbox.phase == Phase::Lost && sandbox.cause == Some(Cause::HostDown)
}

#[test]
fn what_runs_or_is_to_run_for_the_first_time_is_lost() {
    for phase in [Phase::Placed, Phase::Starting, Phase::Running, Phase::Pausing] {
        let mut history = History::in_phase(phase);
        history.tell(host_down(FIRST)).unwrap();
        assert!(is_lost(&history.folded.state), "{phase:?}");
    }
}

#[test]
fn what_needs_no_host_stays_as_it_is() {
    for phase in [Phase::Paused, Phase::Stopping, Phase::Stopped, Phase::Failed] {
        let mut history = History::in_phase(phase);
        let nothing = Ok(Decision::Nothing(history.folded.sequence));
        assert_eq!(history.tell(host_down(FIRST)), nothing, "{phase:?}");
    }
}

#[test]
fn what_is_being_resumed_is_paused_as_before() {
    let mut history = History::in_phase(Phase::Resuming);
    history.tell(host_down(SECOND)).unwrap();
    let state = &history.folded.state;
    assert_eq!(
        (state.phase, &state.cause),
        (Phase::Paused, &Some(Cause::HostDown))
    );
    assert_eq!(state.base, Some(snapshot("s1")));
    assert!(
        !state.reverted,
        "whoever asked for the resume is told that it failed"
    );
    assert!(history.tell(resumed(SECOND, "s1")).is_err(), "the host is late");
}

#[test]
fn another_placement_is_not_meant() {
    let mut history = History::in_phase(Phase::Resuming);
    for given in [Generation(0), FIRST, Generation(3)] {
        let current = SECOND;
        let stale = Err(Rejection::StaleGeneration { given, current });
        assert_eq!(history.tell(host_down(given)), stale);
    }
    let absent = History::default().tell(host_down(Generation(0))).unwrap_err();
    assert_eq!(absent.code(), Code::NotFound);
}

#[test]
fn a_policy_is_of_no_use_to_one_that_was_never_sealed() {
    let mut history = survivor();
    history.tell(take("t1", None)).unwrap();
    history.tell(host_down(FIRST)).unwrap();
    assert!(is_lost(&history.folded.state));
}

#[test]
fn it_goes_back_to_what_it_was_sealed_as_last() {
    let mut history = survivor();
    for id in ["t1", "t2"] {
        history.tell(take(id, None)).unwrap();
        history.tell(taken(id)).unwrap();
    }
    let (process, program) = (process_id("p1"), exec("sleep"));
    history
        .tell(Command::Exec {
            process,
            exec: program,
        })
        .unwrap();
    let by_agent = Command::ProcessAsked {
        generation: FIRST,
        started: asked("p2"),
    };
    history.tell(by_agent).unwrap();
    history.tell(take("t3", None)).unwrap();
    history.tell(pause("s1")).unwrap();

    history.tell(host_down(FIRST)).unwrap();
    let state = &history.folded.state;
    assert_eq!(state.phase, Phase::Paused);
    assert_eq!(state.base, Some(snapshot("t2")));
    assert_eq!(
        (state.cause.as_ref(), state.expires_at),
        (Some(&Cause::HostDown), None)
    );
    assert!(state.reverted && state.processes.is_empty() && state.asked.is_empty());
    let (_, last) = history.commits.last().unwrap();
    let told: Vec<_> = last
        .events
        .iter()
        .map(|event| match event {
            SandboxEvent::SnapshotFailed(failed) => failed.snapshot.to_string(),
            SandboxEvent::ProcessExited(exited) => {
                assert!(matches!(exited.status, ExitStatus::Unknown { .. }));
                exited.process.to_string()
            }
            SandboxEvent::Reverted(reverted) => format!("back to {}", reverted.snapshot.id),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["t3", "p1", "p2", "back to t2"]);

    // What its host still reports of that time changes nothing.
    let before = history.folded.clone();
    for late in [sealed(FIRST, "s1"), taken("t3"), host_down(FIRST)] {
        assert!(!matches!(history.tell(late), Ok(Decision::Commit(_))));
    }
    assert_eq!(history.folded, before);
}

#[test]
fn one_that_went_back_runs_again_like_any_other() {
    let mut history = survivor();
    for command in [take("t1", None), taken("t1"), host_down(FIRST)] {
        history.tell(command).unwrap();
    }
    history.tell(crate::support::pauses::resume()).unwrap();
    history.tell(resumed(SECOND, "t1")).unwrap();
    let state = &history.folded.state;
    assert_eq!((state.phase, state.reverted), (Phase::Running, false));
    assert_eq!(state.cause, None);
    assert!(state.expires_at.is_some());
}
