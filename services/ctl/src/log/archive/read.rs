//! Reading a saved log. Whether it is whole is known only at its end: who acts on it reads it twice.

use std::io::Read;

use roost_journal::jetstream::Stored;
use roost_schemas::{Sequence, codec};

use super::{End, LONGEST, MAGIC, Message, Unusable};

/// Reads messages, and then the end.
pub(crate) struct Reader<R> {
    from: R,
    hasher: blake3::Hasher,
    messages: u64,
    last: Sequence,
    end: Option<End>,
}

impl<R: Read> Reader<R> {
    /// Begins to read a file.
    pub(crate) fn new(from: R) -> Result<Self, Unusable> {
        let mut reader = Self {
            from,
            hasher: blake3::Hasher::new(),
            messages: 0,
            last: Sequence::default(),
            end: None,
        };
        let mut magic = [0; MAGIC.len()];
        match reader.take(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Ok(()) | Err(Unusable::CutOff(_)) => return Err(Unusable::NotOne),
            Err(error) => return Err(error),
        }
        reader.hasher.update(&magic);
        Ok(reader)
    }

    /// The next message; nothing at the end, which was then found to be right.
    pub(crate) fn next(&mut self) -> Result<Option<Stored>, Unusable> {
        if self.end.is_some() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.take(&mut length)?;
        let size = u32::from_le_bytes(length) as usize;
        if size == 0 {
            self.end = Some(self.check_end()?);
            return Ok(None);
        }
        if size > LONGEST {
            return Err(self.damaged(format!("a message of {size} bytes")));
        }
        let mut bytes = Vec::new();
        // Not `vec![0; size]`: what is not there shall cost no memory.
        (&mut self.from).take(size as u64).read_to_end(&mut bytes)?;
        if bytes.len() < size {
            return Err(Unusable::CutOff(self.last));
        }
        self.hasher.update(&length);
        self.hasher.update(&bytes);
        let message: Message = codec::decode("message", &bytes).map_err(|e| self.damaged(e.to_string()))?;
        if message.sequence.0 != self.last.0 + 1 {
            return Err(self.damaged(format!("the next message is {}", message.sequence)));
        }
        self.last = message.sequence;
        self.messages += 1;
        Ok(Some(message.into()))
    }

    /// What stands at the end, once it was reached.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    fn check_end(&mut self) -> Result<End, Unusable> {
        let mut bytes = Vec::new();
        (&mut self.from).take(LONGEST as u64).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Err(Unusable::CutOff(self.last));
        }
        let end: End = codec::decode("end", &bytes).map_err(|e| self.damaged(e.to_string()))?;
        let found = End {
            messages: self.messages,
            last: self.last,
            digest: self.hasher.finalize().into(),
        };
        if end != found {
            return Err(self.damaged(format!("its end tells of {end:?}, but it has {found:?}")));
        }
        Ok(end)
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Unusable> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Unusable::CutOff(self.last),
            _ => error.into(),
        })
    }

    fn damaged(&self, reason: String) -> Unusable {
        let after = self.last;
        Unusable::Damaged { after, reason }
    }
}
