//! Why a stream ends, and how its reader is told.

use metrics::counter;
use roost_schemas::{Sequence, Timestamp};

use super::frame::{Notice, Reason};
use crate::dto::rfc3339;
use crate::error::ApiError;

/// Why a stream ends.
#[derive(Debug)]
pub(super) enum End {
    /// Its reader is too slow: what comes next is not held any more.
    Behind,
    /// Its key admits nobody any more.
    Revoked,
    /// This gateway stops.
    Closing,
    /// The reader sent what no stream takes, or more of it.
    Refused(&'static str),
    /// What was to be told cannot be read.
    Failed(ApiError),
    /// There is nobody to tell.
    Gone,
}

/// Codes of RFC 6455, section 7.4.1, and of its registry.
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const ERROR: u16 = 1011;
    pub(super) const TRY_AGAIN: u16 = 1013;
}

impl End {
    /// What the reader is told; nothing, if there is none.
    pub(super) fn notice(&self, told: Sequence) -> Option<String> {
        let message = self.message(told)?;
        let data = Some(Reason {
            code: self.word(),
            message: &message,
        });
        let notice = Notice {
            sequence: told.0,
            at: rfc3339(Timestamp::now()),
            kind: "end",
            data,
        };
        Some(notice.text())
    }

    /// Why, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Revoked => "revoked",
            Self::Closing => "closing",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Gone => "gone",
        }
    }

    fn message(&self, told: Sequence) -> Option<String> {
        let resume = format!("read on with after={told}");
        Some(match self {
            Self::Behind => format!("you read more slowly than events come; {resume}"),
            Self::Revoked => format!("the key admits nobody any more; {resume} and another key"),
            Self::Closing => format!("this gateway stops; {resume}"),
            Self::Refused(why) => format!("{why}; {resume}"),
            Self::Failed(error) => format!("{error}; {resume}"),
            Self::Gone => return None,
        })
    }

    /// Notes that a stream which has told all up to `told` ends so.
    pub(super) fn note(&self, told: Sequence) {
        tracing::debug!(end = ?self, %told, "an event stream ends");
        counter!("roost_event_streams_ended_total", "reason" => self.word()).increment(1);
    }

    /// The code that a WebSocket is closed with.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Behind => code::TRY_AGAIN,
            Self::Revoked | Self::Refused(_) => code::POLICY,
            Self::Closing | Self::Gone => code::GOING_AWAY,
            Self::Failed(_) => code::ERROR,
        }
    }

    /// The reason that goes with it: a word and the place.
    pub(super) fn reason(&self, told: Sequence) -> String {
        format!("{}; after={told}", self.word())
    }
}
