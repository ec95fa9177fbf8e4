//! Writing a saved log.

use std::io::Write;

use roost_journal::jetstream::Stored;
use roost_schemas::{Sequence, codec};

use super::{End, MAGIC, Message};

/// Writes messages, and then the end.
pub(crate) struct Writer<W> {
    to: W,
    hasher: blake3::Hasher,
    messages: u64,
    last: Sequence,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub(crate) fn new(to: W) -> std::io::Result<Self> {
        let mut writer = Self {
            to,
            hasher: blake3::Hasher::new(),
            messages: 0,
            last: Sequence::default(),
        };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    /// Adds the next message.
    pub(crate) fn add(&mut self, message: Stored) -> std::io::Result<()> {
        self.last = message.sequence;
        self.messages += 1;
        let bytes = codec::encode(&Message::from(message));
        let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
        self.put(&length.to_le_bytes())?;
        self.put(&bytes)
    }

    /// Adds the end; answers what was written to, and what it says.
    pub(crate) fn end(mut self) -> std::io::Result<(W, End)> {
        let end = End {
            messages: self.messages,
            last: self.last,
            digest: self.hasher.finalize().into(),
        };
        self.to.write_all(&0_u32.to_le_bytes())?;
        self.to.write_all(&codec::encode(&end))?;
        self.to.flush()?;
        Ok((self.to, end))
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }
}
