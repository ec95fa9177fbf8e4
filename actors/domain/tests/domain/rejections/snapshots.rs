//! `Pause`, `Resume`, `Snapshot`, and what a host reports of them.

use roost_domain::sandbox::{Command, Phase};
use roost_schemas::command::Resume;
use roost_schemas::reply::Code;

use super::refuses;
use crate::support::pauses::{
    SECOND, compacted, pause, pause_failed, resume, resume_failed, sealed, take, taken,
};
use crate::support::{FIRST, History, snapshot};

const ENDS: [Phase; 3] = [Phase::Stopped, Phase::Lost, Phase::Failed];

#[track_caller]
fn refuses_in(phases: impl IntoIterator<Item = Phase>, command: &Command, what: &str, needs: &str) {
    for phase in phases {
        let message = format!("the sandbox is {}; {what} needs it to be {needs}", phase.as_str());
        refuses(
            History::in_phase(phase),
            command.clone(),
            Code::InvalidState,
            &message,
        );
    }
}

#[test]
fn of_nothing() {
    for (command, what) in [
        (pause("s1"), "pause"),
        (resume(), "resume"),
        (take("s1", None), "snapshot"),
    ] {
        let message = format!("there is no such sandbox; {what} needs one to be created first");
        refuses(History::default(), command, Code::NotFound, &message);
    }
}

#[test]
fn pause_of_what_does_not_run() {
    let others = [Phase::Placed, Phase::Starting, Phase::Resuming, Phase::Stopping];
    refuses_in(others.into_iter().chain(ENDS), &pause("s1"), "pause", "running");
}

#[test]
fn resume_of_what_is_not_paused() {
    let others = [Phase::Placed, Phase::Starting, Phase::Pausing, Phase::Stopping];
    refuses_in(others.into_iter().chain(ENDS), &resume(), "resume", "paused");
}

#[test]
fn resume_for_a_time_out_of_bounds() {
    for timeout_sec in [0, 604_801] {
        let message = format!("timeout_sec is {timeout_sec}: use 1 to 604800");
        let timeout_sec = Some(timeout_sec);
        refuses(
            History::in_phase(Phase::Paused),
            Command::Resume(Resume { timeout_sec }),
            Code::InvalidRequest,
            &message,
        );
    }
}

#[test]
fn snapshot_of_what_neither_runs_nor_is_paused() {
    let others = [
        Phase::Placed,
        Phase::Starting,
        Phase::Pausing,
        Phase::Resuming,
        Phase::Stopping,
    ];
    for name in [None, Some("warm")] {
        refuses_in(
            others.into_iter().chain(ENDS),
            &take("s1", name),
            "snapshot",
            "running or paused",
        );
    }
}

#[test]
fn snapshot_that_is_being_saved_under_another_name() {
    let mut history = History::in_phase(Phase::Paused);
    history.tell(take("ignored", Some("warm"))).unwrap();
    let message = "this snapshot is being saved as another template; ask again when that is there";
    refuses(history, take("ignored", Some("hot")), Code::InvalidState, message);
}

#[test]
fn report_of_a_pause_that_nobody_asked_for() {
    let what = "report of a pause";
    refuses_in(
        [Phase::Placed, Phase::Starting, Phase::Running],
        &sealed(FIRST, "s1"),
        what,
        "pausing, as that snapshot",
    );
    refuses_in(
        [Phase::Pausing],
        &sealed(FIRST, "s9"),
        what,
        "pausing, as that snapshot",
    );
    refuses_in(
        [Phase::Starting, Phase::Running, Phase::Paused],
        &pause_failed(),
        "report of a failed pause",
        "pausing",
    );
}

#[test]
fn report_of_a_resume_of_another_placement() {
    let mut back = History::in_phase(Phase::Resuming);
    back.tell(resume_failed()).unwrap();
    let message = "the sandbox is paused; report of a failed resume needs it to be resuming";
    refuses(back, resume_failed(), Code::InvalidState, message);
    let message = format!("generation {SECOND} is not the current one, 1; look the sandbox up again");
    refuses(
        History::in_phase(Phase::Paused),
        resume_failed(),
        Code::InvalidState,
        &message,
    );
    let message = "generation 1 is not the current one, 2; look the sandbox up again";
    for late in [sealed(FIRST, "s1"), pause_failed(), taken("s1")] {
        refuses(
            History::in_phase(Phase::Resuming),
            late,
            Code::InvalidState,
            message,
        );
    }
}

#[test]
fn report_of_a_compaction_of_what_it_is_no_longer() {
    let others = [Phase::Running, Phase::Pausing, Phase::Paused, Phase::Resuming];
    refuses_in(
        others.into_iter().chain(ENDS),
        &compacted("s9", snapshot("c1")),
        "report of a compaction",
        "paused, as what was compacted",
    );
}
