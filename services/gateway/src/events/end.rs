//! Why a stream ends, and how its reader is told.

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
        let (code, message) = self.words(told)?;
        let data = Some(Reason {
            code,
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

    fn words(&self, told: Sequence) -> Option<(&'static str, String)> {
        let resume = format!("read on with after={told}");
        Some(match self {
            Self::Behind => (
                "behind",
                format!("you read more slowly than events come; {resume}"),
            ),
            Self::Revoked => (
                "revoked",
                format!("the key admits nobody any more; {resume} and another key"),
            ),
            Self::Closing => ("closing", format!("this gateway stops; {resume}")),
            Self::Refused(why) => ("refused", format!("{why}; {resume}")),
            Self::Failed(error) => ("failed", format!("{error}; {resume}")),
            Self::Gone => return None,
        })
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
        let word = self.words(told).map_or("gone", |(word, _)| word);
        format!("{word}; after={told}")
    }
}
