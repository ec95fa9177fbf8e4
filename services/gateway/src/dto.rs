//! What goes over HTTP, apart from errors: one file per thing.

pub(crate) mod create;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod health;
pub(crate) mod host;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod resume;
pub(crate) mod sandbox;
pub(crate) mod snapshot;
pub(crate) mod stream;
pub(crate) mod template;
pub(crate) mod tenant;
pub(crate) mod text;
pub(crate) mod timeout;
pub(crate) mod webhook;

use roost_schemas::Timestamp;

/// A point in time as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let at = i64::try_from(at.0)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    format!("{:.3}", at.unwrap_or(jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable_and_never_panic() {
        assert_eq!(rfc3339(Timestamp(1_700_000_000_120)), "2023-11-14T22:13:20.120Z");
        assert!(rfc3339(Timestamp(u64::MAX)).starts_with("9999-"));
    }
}
