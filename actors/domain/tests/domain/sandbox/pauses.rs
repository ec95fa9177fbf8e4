//! Pausing and resuming: what is kept, what is freed, and what becomes of one that does not succeed.

use std::time::Duration;

use roost_domain::Decision;
use roost_domain::sandbox::{Command, MAX_CRASHES, Phase};
use roost_schemas::command::Resume;
use roost_schemas::event::{Cause, PauseReason, SandboxEvent, StopReason};
use roost_schemas::{Generation, SnapshotId, Timestamp};

use crate::support::pauses::{
    SECOND, compacted, disk_full, pause, pause_expired, pause_failed, pause_for, resume, resume_failed,
    resumed, sealed, take, taken, unusable,
};
use crate::support::{FIRST, History, crashed, ended, exec, kill, process_id, snapshot, snapshot_id};

fn with_one_process() -> History {
    let mut history = History::in_phase(Phase::Running);
    let process = process_id("p1");
    let exec = exec("sleep");
    history.tell(Command::Exec { process, exec }).unwrap();
    history
}

#[test]
fn what_ran_runs_on_after_a_resume_on_another_placement() {
    let mut history = with_one_process();
    let first_started = history.folded.state.running.as_ref().unwrap().started_at;
    history.tell(pause("s1")).unwrap();
    history.tell(sealed(FIRST, "s1")).unwrap();
    let paused = &history.folded.state;
    assert_eq!(paused.base, Some(snapshot("s1")));
    assert_eq!(paused.expires_at, None, "its time stands still");
    assert!(paused.processes.contains_key(&process_id("p1")));

    history.now.0 += 1_000_000_000;
    history.tell(resume()).unwrap();
    assert_eq!(history.folded.state.generation(), SECOND);
    history.tell(resumed(SECOND, "s1")).unwrap();
    let state = &history.folded.state;
    assert_eq!(state.phase, Phase::Running);
    assert!(state.processes.contains_key(&process_id("p1")));
    let running = state.running.as_ref().unwrap();
    assert_eq!(running.started_at, first_started);
    assert_eq!(running.restored_from, Some(snapshot_id("s1")));
    let due = history.now.plus(Duration::from_mins(1));
    assert_eq!(state.expires_at, Some(due), "as long again as it was created for");
}

#[test]
fn a_resume_may_ask_for_another_time() {
    let mut history = History::in_phase(Phase::Paused);
    let timeout_sec = Some(7);
    history.tell(Command::Resume(Resume { timeout_sec })).unwrap();
    history.tell(resumed(SECOND, "s1")).unwrap();
    let due = history.now.plus(Duration::from_secs(7));
    assert_eq!(history.folded.state.expires_at, Some(due));
}

#[test]
fn a_pause_that_fails_leaves_it_running_with_all_it_has() {
    let mut history = with_one_process();
    let before = history.folded.state.clone();
    history.tell(pause("s1")).unwrap();
    history.tell(pause_failed()).unwrap();
    let after = &history.folded.state;
    assert_eq!(after.phase, Phase::Running);
    assert_eq!(after.cause, Some(disk_full()));
    assert_eq!(
        (&after.processes, &after.expires_at, &after.base, &after.snapshots),
        (
            &before.processes,
            &before.expires_at,
            &before.base,
            &before.snapshots
        )
    );
    assert!(after.references().next().is_none());
    history.tell(pause("s2")).unwrap();
    history.tell(sealed(FIRST, "s2")).unwrap();
    assert_eq!(history.folded.state.cause, None);
}

#[test]
fn the_seal_of_a_pause_that_was_given_up_is_not_taken_for_the_next_ones() {
    let mut history = History::in_phase(Phase::Pausing);
    history.tell(pause_failed()).unwrap();
    history.tell(pause("s2")).unwrap();
    history.tell(sealed(FIRST, "s1")).unwrap_err();
    assert_eq!(history.folded.state.phase, Phase::Pausing);
    history.tell(sealed(FIRST, "s2")).unwrap();
    assert_eq!(history.folded.state.base, Some(snapshot("s2")));
}

#[test]
fn a_resume_that_fails_leaves_what_it_was_paused_as() {
    let mut history = History::in_phase(Phase::Resuming);
    history.tell(resume_failed()).unwrap();
    let state = &history.folded.state;
    assert_eq!(state.phase, Phase::Paused);
    assert_eq!(state.cause, Some(unusable("s1")));
    assert_eq!(state.base, Some(snapshot("s1")));
    assert!(state.references().any(|id| *id == snapshot_id("s1")));
    history.tell(resume()).unwrap();
    assert_eq!(
        history.folded.state.generation(),
        Generation(3),
        "no placement is used twice"
    );
    history.tell(resumed(Generation(3), "s1")).unwrap();
    assert_eq!(history.folded.state.cause, None);
}

#[test]
fn a_kill_ends_it_wherever_it_stands_and_closes_what_ran_in_it() {
    for (way, generation) in [
        (vec![pause("s1")], FIRST),
        (vec![pause("s1"), sealed(FIRST, "s1")], FIRST),
        (vec![pause("s1"), sealed(FIRST, "s1"), resume()], SECOND),
    ] {
        let mut history = with_one_process();
        for command in way {
            history.tell(command).unwrap();
        }
        history.tell(kill(StopReason::Requested)).unwrap();
        let late = [sealed(FIRST, "s1"), pause_failed(), resume_failed()];
        for command in late {
            assert!(!matches!(history.tell(command), Ok(Decision::Commit(_))));
        }
        history.tell(Command::Ended { generation }).unwrap();
        assert_eq!(history.folded.state.phase, Phase::Stopped);
        assert!(history.folded.state.processes.is_empty());
        assert_eq!(history.tell(ended()).is_ok(), generation == FIRST);
    }
}

#[test]
fn asking_again_is_no_news() {
    for (phase, command) in [
        (Phase::Pausing, pause("s2")),
        (Phase::Paused, pause("s2")),
        (Phase::Resuming, resume()),
        (Phase::Running, resume()),
    ] {
        let mut history = History::in_phase(phase);
        assert!(history.confirms(command), "{phase:?}");
    }
    let mut history = History::in_phase(Phase::Paused);
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(sealed(FIRST, "s1")), nothing, "told again");
}

#[test]
fn a_time_that_is_over_pauses_and_one_that_was_moved_does_not() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    for other in [Timestamp(due.0 - 1), Timestamp(due.0 + 1), Timestamp(0)] {
        assert_eq!(history.tell(pause_expired(other, "s1")), nothing);
    }
    assert_eq!(
        history.tell(pause_for(PauseReason::TimedOut, "s1")),
        nothing,
        "when?"
    );
    // Whether it has come is not for the sandbox to say: the time of day may have been set.
    history.now = Timestamp(0);
    history.tell(pause_expired(due, "s1")).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Pausing);
}

#[test]
fn too_many_panics_end_a_resume_but_not_what_is_paused() {
    let mut history = History::in_phase(Phase::Resuming);
    let crashed_in = |generation| Command::Crashed {
        generation,
        message: String::new(),
    };
    for _ in 0..MAX_CRASHES {
        history.tell(crashed_in(SECOND)).unwrap();
        assert_eq!(history.folded.state.phase, Phase::Resuming);
    }
    for _ in 0..3 {
        history.tell(crashed_in(SECOND)).unwrap();
        assert_eq!(history.folded.state.phase, Phase::Paused);
        assert_eq!(history.folded.state.cause, Some(Cause::ActorCrashed));
    }
    history.tell(resume()).unwrap();
    assert_eq!(history.folded.state.crashes, 0, "a placement of its own");
    history.tell(crashed()).unwrap_err();
}

#[test]
fn what_is_compacted_is_what_it_is_paused_as_and_found_by_both_names() {
    let mut history = History::in_phase(Phase::Paused);
    history.tell(compacted("s1", snapshot("c1"))).unwrap();
    let state = &history.folded.state;
    assert_eq!(state.base, Some(snapshot("c1")));
    assert_eq!(state.snapshots, [snapshot("c1")]);
    for id in ["s1", "c1"] {
        assert_eq!(state.snapshot(&snapshot_id(id)), Some(&snapshot("c1")));
    }
    let referenced: Vec<_> = state.references().map(SnapshotId::as_str).collect();
    assert!(!referenced.contains(&"s1"), "{referenced:?}");

    history.tell(compacted("c1", snapshot("c2"))).unwrap();
    for id in ["s1", "c1", "c2"] {
        let found = history.folded.state.snapshot(&snapshot_id(id));
        assert_eq!(found, Some(&snapshot("c2")));
    }
    assert!(
        history.tell(compacted("c1", snapshot("c3"))).is_err(),
        "it is another by now"
    );
}

#[test]
fn nothing_is_compacted_that_is_in_use() {
    let mut asked = History::in_phase(Phase::Paused);
    asked.tell(take("ignored", Some("warm"))).unwrap();
    let others = [
        asked,
        History::in_phase(Phase::Resuming),
        History::in_phase(Phase::Running),
    ];
    for mut history in others {
        history.tell(compacted("s1", snapshot("c1"))).unwrap_err();
    }
}

#[test]
fn a_snapshot_that_was_not_taken_before_a_pause_is_told_off() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", None)).unwrap();
    history.tell(take("t2", Some("warm"))).unwrap();
    history.tell(taken("t2")).unwrap();
    history.tell(pause("s1")).unwrap();
    history.tell(sealed(FIRST, "s1")).unwrap();
    let failed = history.events().filter_map(|event| match event {
        SandboxEvent::SnapshotFailed(failed) => Some(failed.snapshot.as_str()),
        _ => None,
    });
    assert_eq!(failed.collect::<Vec<_>>(), ["t1"]);
    let waiting: Vec<_> = history.folded.state.asked.keys().collect();
    assert_eq!(waiting, [&snapshot_id("t2")], "it is only to be saved yet");
}
