//! `Start`, `SetTimeout`, `Kill`, and what is refused before a sandbox is asked.

use roost_domain::sandbox::{Command, Phase};
use roost_domain::{Decision, Rejection};
use roost_schemas::Generation;
use roost_schemas::codec::Undecodable;
use roost_schemas::command::{SetTimeout, Start};
use roost_schemas::event::StopReason;
use roost_schemas::reply::Code;

use super::refuses;
use crate::support::{History, kill, start};

const LIVE: [Phase; 6] = [
    Phase::Placed,
    Phase::Starting,
    Phase::Running,
    Phase::Pausing,
    Phase::Paused,
    Phase::Stopping,
];
const ENDS: [Phase; 3] = [Phase::Stopped, Phase::Lost, Phase::Failed];

fn timeout(timeout_sec: u32) -> Command {
    Command::SetTimeout(SetTimeout {
        timeout_sec,
        extend: false,
    })
}

#[test]
fn start_of_nothing_or_of_another_placement() {
    let message = "there is no such sandbox; start needs one to be created first";
    refuses(History::default(), start(), Code::NotFound, message);
    for generation in [0, 2].map(Generation) {
        let message = format!("generation {generation} is not the current one, 1; look the sandbox up again");
        let start = Command::Start(Start { generation });
        refuses(
            History::in_phase(Phase::Placed),
            start,
            Code::InvalidState,
            &message,
        );
    }
}

#[test]
fn start_of_what_was_started_is_no_news() {
    for phase in LIVE[1..].iter().chain(&ENDS) {
        let mut history = History::in_phase(*phase);
        assert_eq!(
            history.tell(start()),
            Ok(Decision::Nothing(history.folded.sequence)),
            "{phase:?}"
        );
    }
}

#[test]
fn timeout_out_of_bounds_or_of_what_does_not_run() {
    for timeout_sec in [0, 604_801] {
        let message = format!("timeout_sec is {timeout_sec}: use 1 to 604800");
        refuses(
            History::in_phase(Phase::Running),
            timeout(timeout_sec),
            Code::InvalidRequest,
            &message,
        );
    }
    let others = LIVE.into_iter().filter(|phase| *phase != Phase::Running);
    for phase in others.chain([Phase::Resuming]).chain(ENDS) {
        let message = format!(
            "the sandbox is {}; timeout needs it to be running",
            phase.as_str()
        );
        refuses(
            History::in_phase(phase),
            timeout(60),
            Code::InvalidState,
            &message,
        );
    }
    let message = "there is no such sandbox; timeout needs one to be created first";
    refuses(History::default(), timeout(60), Code::NotFound, message);
}

#[test]
fn kill_of_nothing() {
    let message = "there is no such sandbox; kill needs one to be created first";
    for reason in [StopReason::Requested, StopReason::TimedOut] {
        refuses(History::default(), kill(reason), Code::NotFound, message);
    }
}

#[test]
fn kill_ends_what_is_live_and_is_no_news_to_what_ends() {
    let ending = |phase: &Phase| *phase != Phase::Stopping;
    for phase in LIVE.into_iter().filter(ending).chain([Phase::Resuming]) {
        let mut history = History::in_phase(phase);
        history.tell(kill(StopReason::Requested)).unwrap();
        assert_eq!(history.folded.state.phase, Phase::Stopping);
        assert_eq!(history.folded.state.stop_reason, Some(StopReason::Requested));
    }
    assert!(History::in_phase(Phase::Stopping).confirms(kill(StopReason::Requested)));
    for phase in ENDS {
        let mut history = History::in_phase(phase);
        let nothing = Ok(Decision::Nothing(history.folded.sequence));
        assert_eq!(history.tell(kill(StopReason::Requested)), nothing, "{phase:?}");
    }
}

#[test]
fn what_shells_refuse_has_its_word_and_remedy() {
    let not_here = Rejection::NotHere {
        owner: "h1".into(),
        asked: "h2".into(),
    };
    let late = Rejection::DeadlinePassed { late_ms: 20 };
    let reason = "it is empty".to_owned();
    let unreadable = Rejection::from(Undecodable::Malformed {
        what: "command",
        bytes: 0,
        reason,
    });
    let cases = [
        (
            not_here,
            Code::InvalidState,
            "the sandbox is placed on host \"h1\", not on \"h2\"; send the command to \"any\"",
        ),
        (
            late,
            Code::DeadlineExceeded,
            "the command's deadline passed 20 ms before it could be run; send it again with a new one",
        ),
        (
            unreadable,
            Code::InvalidRequest,
            "command of 0 bytes does not decode: it is empty",
        ),
    ];
    for (rejection, code, message) in cases {
        assert_eq!(
            (rejection.code(), rejection.to_string().as_str()),
            (code, message)
        );
    }
}
