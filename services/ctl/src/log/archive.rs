//! A saved log: one file that tells whether it is whole.
//!
//! ```text
//!   "roost log 1\n"
//!   length (u32, little-endian)  message (MessagePack)     once for each, in order
//!   0      (u32)                 end (MessagePack): how many, the last sequence, the digest of every byte before the 0
//! ```
//!
//! A message is what the stream has: subject, headers, body, sequence, and the time it was stored.

mod read;
mod write;

use bytes::Bytes;
use roost_journal::jetstream::Stored;
use roost_schemas::{Digest, Sequence, Timestamp};
use serde::{Deserialize, Serialize};

pub(super) use read::Reader;
pub(super) use write::Writer;

const MAGIC: &[u8] = b"roost log 1\n";
/// More than any server takes as one message, so that a damaged length is no reason to fill the memory.
const LONGEST: usize = 80 << 20;

#[derive(Serialize, Deserialize)]
struct Message {
    sequence: Sequence,
    subject: String,
    headers: Vec<(String, String)>,
    stored_at: Timestamp,
    #[serde(with = "serde_bytes")]
    payload: Vec<u8>,
}

/// What stands at the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// How many messages there are.
    pub(super) messages: u64,
    /// The last one's sequence; 0 if there is none.
    pub(super) last: Sequence,
    /// Of all that stands before the end.
    pub(super) digest: Digest,
}

impl From<Stored> for Message {
    fn from(stored: Stored) -> Self {
        let Stored {
            sequence,
            subject,
            headers,
            stored_at,
            payload,
        } = stored;
        Self {
            sequence,
            subject,
            headers,
            stored_at,
            payload: payload.into(),
        }
    }
}

impl From<Message> for Stored {
    fn from(message: Message) -> Self {
        let Message {
            sequence,
            subject,
            headers,
            stored_at,
            payload,
        } = message;
        Self {
            sequence,
            subject,
            headers,
            stored_at,
            payload: Bytes::from(payload),
        }
    }
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It does not begin as one.
    #[error(
        "it is no saved log: it does not begin with {:?}",
        String::from_utf8_lossy(MAGIC)
    )]
    NotOne,
    /// It ends before its end.
    #[error("it is cut off after message {0}")]
    CutOff(Sequence),
    /// Something in it makes no sense.
    #[error("it is damaged after message {after}: {reason}")]
    Damaged {
        /// The last message that could be read.
        after: Sequence,
        /// What was seen.
        reason: String,
    },
    /// The machine's fault.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64) -> Stored {
        Stored {
            sequence: Sequence(sequence),
            subject: "roost.evt.default.sandbox.s1".to_owned(),
            headers: vec![("Nats-Msg-Id".to_owned(), format!("c{sequence}"))],
            stored_at: Timestamp(sequence * 10),
            payload: Bytes::from(vec![7; 100]),
        }
    }

    fn saved(messages: &[Stored]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        for message in messages {
            writer.add(message.clone()).unwrap();
        }
        writer.end().unwrap().0
    }

    fn read(bytes: &[u8]) -> Result<(Vec<Stored>, End), Unusable> {
        let mut reader = Reader::new(bytes)?;
        let mut all = Vec::new();
        while let Some(message) = reader.next()? {
            all.push(message);
        }
        Ok((all, reader.end().expect("it was read to its end")))
    }

    #[test]
    fn what_was_saved_is_read_back() {
        for count in [0, 1, 5] {
            let messages: Vec<_> = (1..=count).map(message).collect();
            let (found, end) = read(&saved(&messages)).unwrap();
            assert_eq!(found, messages);
            assert_eq!((end.messages, end.last), (count, Sequence(count)));
        }
    }

    #[test]
    fn whatever_is_cut_off_or_changed_is_noticed() {
        let bytes = saved(&[message(1), message(2)]);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "changed at {at}");
        }
        assert!(read(&[&bytes[..], b"x"].concat()).is_err(), "more behind its end");
    }

    #[test]
    fn a_gap_is_noticed() {
        assert!(matches!(
            read(&saved(&[message(1), message(3)])),
            Err(Unusable::Damaged {
                after: Sequence(1),
                ..
            })
        ));
    }
}
