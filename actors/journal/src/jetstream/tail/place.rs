//! Where a delivered message stands, read from its reply subject (NATS ADR-15).
//!
//! ```text
//!   $JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>
//!   $JS.ACK.<domain>.<account>.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>[...]
//! ```
//!
//! async-nats reads it too, but only in a message that holds a clone of the whole JetStream context; a replay feels that.

use roost_schemas::Timestamp;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u64,
    /// Counts what the consumer delivered, from 1.
    pub(super) delivery: u64,
    pub(super) stored_at: Timestamp,
}

/// Tokens of the older form, and how many the newer puts before the stream's name.
const OLDER: usize = 9;
const MORE: usize = 2;

impl Place {
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let rest = reply.strip_prefix("$JS.ACK.")?;
        let newer = reply.bytes().filter(|byte| *byte == b'.').count() + 1 > OLDER;
        let mut tokens = rest.split('.').skip(3 + if newer { MORE } else { 0 });
        let mut number = || tokens.next()?.parse::<u64>().ok();
        let (sequence, delivery, nanoseconds) = (number()?, number()?, number()?);
        Some(Self {
            sequence,
            delivery,
            stored_at: Timestamp(nanoseconds / 1_000_000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let place = Some(Place {
            sequence: 100,
            delivery: 7,
            stored_at: Timestamp(1_790_230_470_084),
        });
        for reply in [
            "$JS.ACK.EVENTS.c.1.100.7.1790230470084404000.42",
            "$JS.ACK._.szMpdrwD.EVENTS.c.1.100.7.1790230470084404000.42",
            "$JS.ACK.hub.szMpdrwD.EVENTS.c.1.100.7.1790230470084404000.42.random",
        ] {
            assert_eq!(Place::parse(reply), place, "{reply}");
        }
        for reply in [
            "",
            "_INBOX.a",
            "$JS.ACK.EVENTS.c.1.100",
            "$JS.ACK.EVENTS.c.1.x.7.1790230470084404000.42",
        ] {
            assert_eq!(Place::parse(reply), None, "{reply}");
        }
    }
}
