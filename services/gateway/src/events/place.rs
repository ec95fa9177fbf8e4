//! From where in the log a reader begins: after a sequence, or at a time.

use roost_schemas::{Sequence, Timestamp};

use crate::error::ApiError;
use crate::sequence::MAX_SEQUENCE;
use crate::state::Gateway;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After this sequence.
    After(Sequence),
    /// At this time, by when the log stored what there is.
    At(Timestamp),
}

impl Place {
    /// Reads a number, or a time in RFC 3339.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if let Ok(sequence) = text.parse() {
            return Self::after(sequence);
        }
        match text.parse::<jiff::Timestamp>() {
            // There was no log before 1970.
            Ok(time) => Ok(Self::At(Timestamp(
                u64::try_from(time.as_millisecond()).unwrap_or(0),
            ))),
            Err(_) => Err(ApiError::invalid(format!(
                "after is {text:?}: use a sequence, or a time such as 2026-01-31T12:00:00Z"
            ))),
        }
    }

    /// The place after a sequence.
    pub(crate) fn after(sequence: u64) -> Result<Self, ApiError> {
        if sequence > MAX_SEQUENCE {
            let message = format!("after is {sequence}: no sequence is greater than {MAX_SEQUENCE}");
            return Err(ApiError::invalid(message));
        }
        Ok(Self::After(Sequence(sequence)))
    }

    /// The sequence that it comes to.
    pub(crate) async fn resolve(self, gateway: &Gateway) -> Result<Sequence, ApiError> {
        match self {
            Self::After(sequence) => Ok(sequence),
            Self::At(time) => Ok(gateway.ports().journal.before(time).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_or_a_time() {
        assert_eq!(Place::parse("12").unwrap(), Place::After(Sequence(12)));
        let time = Place::parse("2023-11-14T22:13:20.120Z").unwrap();
        assert_eq!(time, Place::At(Timestamp(1_700_000_000_120)));
        let shifted = Place::parse("2023-11-14T23:13:20.120+01:00").unwrap();
        assert_eq!(shifted, time);
        assert_eq!(
            Place::parse("1969-01-01T00:00:00Z").unwrap(),
            Place::At(Timestamp(0))
        );
        for bad in ["", "-1", "now", "1.5", "2023-11-14"] {
            let error = Place::parse(bad).unwrap_err();
            assert!(error.message.contains(&format!("{bad:?}")), "{error}");
        }
        assert!(Place::parse(&u64::MAX.to_string()).is_err());
    }
}
