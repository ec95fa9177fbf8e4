//! What a script learns from the exit code.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use roost_client::{Away, Refused};

use crate::output::note;

/// What `--help` says about it.
pub(crate) const HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 not in this state, 6 no room or over a limit, \
7 the gateway is away. `exec` and `shell` end as the program did; then 124 is its time limit, 125 a failure of ours, 127 a program \
that could not be started.";

/// The exit code of `exec` and `shell` when not the program failed, but what runs it.
pub(crate) const NOT_THE_PROGRAM: u8 = 125;
/// The same of a program that could not be started.
pub(crate) const NOT_STARTED: u8 = 127;

const FAILED: u8 = 1;
/// The exit code when there is no such thing.
pub(crate) const NOT_FOUND: u8 = 3;
const NOT_ALLOWED: u8 = 4;
const WRONG_STATE: u8 = 5;
const NO_ROOM: u8 = 6;
/// The exit code when nobody answers.
pub(crate) const AWAY: u8 = 7;

/// A failure that has an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Ended {
    /// What to end with.
    pub(crate) code: u8,
    /// What to say.
    pub(crate) message: String,
}

/// Tells people what went wrong, and scripts by the exit code.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    tell_as(error, code(error))
}

/// The same, where scripts are told something else than what failed; not of an [`Ended`], which knows better.
pub(crate) fn tell_as(error: &anyhow::Error, code: u8) -> ExitCode {
    if is_nobody_reading(error) {
        return ExitCode::SUCCESS;
    }
    complain(error);
    if error.is::<Away>() {
        note(
            "is the gateway there? `roost up` starts one on this machine, --url or ROOST_URL says where another is",
        );
    }
    let known = error.downcast_ref::<Ended>().map(|ended| ended.code);
    ExitCode::from(known.unwrap_or(code))
}

/// Tells people what went wrong.
pub(crate) fn complain(error: &anyhow::Error) {
    let style = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    // If not even this can be written, the exit code has to do.
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {error:#}");
}

fn code(error: &anyhow::Error) -> u8 {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return ended.code;
    }
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return match refused.status.as_u16() {
            401 | 403 => NOT_ALLOWED,
            404 => NOT_FOUND,
            409 => WRONG_STATE,
            429 => NO_ROOM,
            502..=504 => AWAY,
            _ => FAILED,
        };
    }
    if error.is::<Away>() { AWAY } else { FAILED }
}

/// Whether what was printed has met a closed pipe, as in `roost ls | head`.
fn is_nobody_reading(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    fn refused(status: u16) -> anyhow::Error {
        let status = status.try_into().unwrap();
        let message = "no".to_owned();
        Refused {
            status,
            code: None,
            message,
        }
        .into()
    }

    #[test]
    fn each_kind_of_failure_has_its_code() {
        for (status, expected) in [
            (400, 1),
            (401, 4),
            (403, 4),
            (404, 3),
            (409, 5),
            (429, 6),
            (500, 1),
            (503, 7),
        ] {
            assert_eq!(code(&refused(status)), expected, "{status}");
            let wrapped = Err::<(), _>(refused(status)).context("while trying");
            assert_eq!(code(&wrapped.unwrap_err()), expected, "{status}, in context");
        }
        assert_eq!(code(&anyhow!("else")), 1);
        let ended = Ended {
            code: 42,
            message: String::new(),
        };
        assert_eq!(code(&ended.into()), 42);
    }

    #[tokio::test]
    async fn a_gateway_that_cannot_be_reached_is_away_however_it_is_asked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = listener.local_addr().unwrap();
        drop(listener);
        let api = roost_client::Api::new(nobody, "key");
        let asked = api.send(hyper::Method::GET, "/health", &serde_json::Value::Null);
        assert_eq!(code(&asked.await.unwrap_err()), 7);
        let socket = api.socket("/v1/events", &[]).await;
        assert_eq!(code(&socket.err().unwrap().context("while trying")), 7);
        let named: roost_client::Base = "http://no-such-host.invalid".parse().unwrap();
        let asked = roost_client::Api::new(named, "key");
        let asked = asked.send(hyper::Method::GET, "/health", &serde_json::Value::Null);
        assert_eq!(code(&asked.await.unwrap_err()), 7);
    }
}
