//! A host's reports: of another placement, or of what cannot have happened.

use roost_domain::Decision;
use roost_domain::sandbox::{Command, Phase};
use roost_schemas::Generation;
use roost_schemas::event::Cause;
use roost_schemas::reply::Code;

use super::refuses;
use crate::support::pauses::sealed;
use crate::support::{History, crashed, ended, start_failed, started, vanished};

#[track_caller]
fn refuses_in(phases: &[Phase], command: &Command, what: &str, needs: &str) {
    for phase in phases {
        let message = format!("the sandbox is {}; {what} needs it to be {needs}", phase.as_str());
        refuses(
            History::in_phase(*phase),
            command.clone(),
            Code::InvalidState,
            &message,
        );
    }
}

fn is_no_news_in(phases: &[Phase], command: &Command) {
    for phase in phases {
        let mut history = History::in_phase(*phase);
        assert_eq!(
            history.tell(command.clone()),
            Ok(Decision::Nothing(history.folded.sequence)),
            "{phase:?}"
        );
    }
}

#[test]
fn of_an_older_placement() {
    let generation = Generation(0);
    let cause = Cause::HostRestarted;
    let (engine, engine_version) = (roost_schemas::event::EngineKind::Qemu, String::new());
    let reports = [
        (
            Phase::Starting,
            Command::Started {
                generation,
                engine,
                engine_version,
                boot_ms: 1,
                restored_from: None,
            },
        ),
        (
            Phase::Starting,
            Command::StartFailed {
                generation,
                cause: cause.clone(),
            },
        ),
        (Phase::Pausing, sealed(generation, "s1")),
        (
            Phase::Pausing,
            Command::PauseFailed {
                generation,
                cause: cause.clone(),
            },
        ),
        (Phase::Stopping, Command::Ended { generation }),
        (Phase::Running, Command::Vanished { generation, cause }),
        (
            Phase::Running,
            Command::Crashed {
                generation,
                message: String::new(),
            },
        ),
    ];
    for (phase, report) in reports {
        let message = "generation 0 is not the current one, 1; look the sandbox up again";
        refuses(History::in_phase(phase), report, Code::InvalidState, message);
    }
}

#[test]
fn of_a_boot() {
    let phases = [
        Phase::Placed,
        Phase::Pausing,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Lost,
        Phase::Failed,
    ];
    refuses_in(&phases, &started(), "report of a start", "starting or resuming");
    is_no_news_in(&[Phase::Running], &started());
}

#[test]
fn of_a_failed_boot() {
    let phases = [
        Phase::Placed,
        Phase::Running,
        Phase::Pausing,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Lost,
        Phase::Failed,
    ];
    refuses_in(&phases, &start_failed(), "report of a failed boot", "starting");
}

#[test]
fn of_the_end() {
    refuses_in(
        &[
            Phase::Placed,
            Phase::Starting,
            Phase::Running,
            Phase::Pausing,
            Phase::Paused,
        ],
        &ended(),
        "report of the end",
        "stopping",
    );
    is_no_news_in(&[Phase::Stopped, Phase::Lost, Phase::Failed], &ended());
}

#[test]
fn of_a_loss() {
    refuses_in(
        &[Phase::Placed, Phase::Starting],
        &vanished(),
        "report of a loss",
        "running",
    );
    is_no_news_in(
        &[
            Phase::Paused,
            Phase::Stopping,
            Phase::Stopped,
            Phase::Lost,
            Phase::Failed,
        ],
        &vanished(),
    );
}

#[test]
fn of_a_panic() {
    is_no_news_in(&[Phase::Stopped, Phase::Lost, Phase::Failed], &crashed());
    // Its id stays free for the create that could not be handled.
    let crashed = Command::Crashed {
        generation: Generation(0),
        message: String::new(),
    };
    let message = "there is no such sandbox; report of a crash needs one to be created first";
    refuses(History::default(), crashed, Code::NotFound, message);
}
