//! How a process ended, in envd's words.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use roost_schemas::envd::DEADLINE_ERROR;
use roost_schemas::envd::process::process_event::EndEvent;
use roost_schemas::event;

/// The exit code of a process that did not exit by itself.
const NO_CODE: i32 = -1;

/// How a process ended, for its readers and for the log.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// In envd's words.
    pub(super) event: EndEvent,
    /// In ours.
    pub(super) status: event::ExitStatus,
}

/// A process that ended without our doing.
pub(super) fn describe(status: ExitStatus) -> Ending {
    let words = words(status);
    let event = EndEvent {
        exit_code: status.code().unwrap_or(NO_CODE),
        exited: status.code().is_some(),
        error: (!status.success()).then(|| words.clone()),
        status: words.clone(),
    };
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => event::ExitStatus::Exited { code },
        (None, Some(signal)) => event::ExitStatus::Signaled { signal },
        (None, None) => event::ExitStatus::Unknown { reason: words },
    };
    Ending { event, status }
}

/// A process killed because its deadline passed; one that ended in the same instant is described as it ended.
pub(super) fn killed(status: ExitStatus, after: Duration) -> Ending {
    let mut ending = describe(status);
    if !ending.event.exited {
        ending.event.error = Some(format!("{DEADLINE_ERROR}: killed after {} ms", after.as_millis()));
        ending.status = event::ExitStatus::TimedOut;
    }
    ending
}

/// A process whose end cannot be told.
pub(super) fn lost(error: &io::Error) -> Ending {
    let reason = format!("cannot wait for the process: {error}");
    let event = EndEvent {
        exit_code: NO_CODE,
        exited: false,
        status: "unknown".into(),
        error: Some(reason.clone()),
    };
    let status = event::ExitStatus::Unknown { reason };
    Ending { event, status }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(number)) => {
            let dumped = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            format!("signal: {}{dumped}", signal_words(number))
        }
        (None, None) => format!("status {:#x}", status.into_raw()),
    }
}

/// The names envd gives signals, which SDKs show and users grep for.
fn signal_words(number: i32) -> String {
    let words = match Signal::try_from(number) {
        Ok(Signal::SIGHUP) => "hangup",
        Ok(Signal::SIGINT) => "interrupt",
        Ok(Signal::SIGQUIT) => "quit",
        Ok(Signal::SIGILL) => "illegal instruction",
        Ok(Signal::SIGTRAP) => "trace/breakpoint trap",
        Ok(Signal::SIGABRT) => "aborted",
        Ok(Signal::SIGBUS) => "bus error",
        Ok(Signal::SIGFPE) => "floating point exception",
        Ok(Signal::SIGKILL) => "killed",
        Ok(Signal::SIGUSR1) => "user defined signal 1",
        Ok(Signal::SIGSEGV) => "segmentation fault",
        Ok(Signal::SIGUSR2) => "user defined signal 2",
        Ok(Signal::SIGPIPE) => "broken pipe",
        Ok(Signal::SIGALRM) => "alarm clock",
        Ok(Signal::SIGTERM) => "terminated",
        _ => return format!("signal {number}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: i32 = 9;

    #[test]
    fn success_is_no_error() {
        let end = describe(ExitStatus::from_raw(0)).event;
        assert_eq!(
            (end.exit_code, end.exited, end.status.as_str(), end.error),
            (0, true, "exit status 0", None)
        );
    }

    #[test]
    fn a_failure_and_a_signal_name_themselves() {
        let end = describe(ExitStatus::from_raw(3 << 8)).event;
        assert_eq!(
            (end.exit_code, end.exited, end.error.as_deref()),
            (3, true, Some("exit status 3"))
        );
        let Ending { event: end, status } = describe(ExitStatus::from_raw(KILLED));
        assert_eq!(status, event::ExitStatus::Signaled { signal: KILLED });
        assert_eq!(
            (end.exit_code, end.exited, end.error.as_deref()),
            (-1, false, Some("signal: killed"))
        );
        assert_eq!(
            describe(ExitStatus::from_raw(0x8b)).event.status,
            "signal: segmentation fault (core dumped)"
        );
        assert_eq!(
            describe(ExitStatus::from_raw(40)).event.status,
            "signal: signal 40"
        );
    }

    #[test]
    fn a_passed_deadline_says_so() {
        let end = killed(ExitStatus::from_raw(KILLED), Duration::from_millis(1500));
        assert_eq!(end.status, event::ExitStatus::TimedOut);
        assert_eq!(
            end.event.error.as_deref(),
            Some("deadline exceeded: killed after 1500 ms")
        );
        let just_in_time = killed(ExitStatus::from_raw(0), Duration::from_secs(1));
        assert_eq!(just_in_time.status, event::ExitStatus::Exited { code: 0 });
        assert_eq!(
            (just_in_time.event.exited, just_in_time.event.error),
            (true, None)
        );
    }
}
