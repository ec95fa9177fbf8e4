//! What is sent of a file.
//!
//! Small files are read at once, with the look at them: one trip to another thread is all they cost. Of large ones a chunk
//! is read whenever the connection takes one, so a client that stops reading holds two chunks and no thread.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, stream};
use rustix::buffer::spare_capacity;
use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};
use rustix::io::{Errno, pread};

use super::conditions::Version;
use super::opening::{self, Opened};
use super::refusal::Refusal;
use crate::agent::blocking::blocking;
use crate::agent::failure::Failure;

/// Read and sent at a time.
const CHUNK: usize = 256 << 10;

/// Most bytes of a file that does not say its size, as those of `/proc`; it is held in memory.
const MOST_WITHOUT_SIZE: usize = 4 << 20;

/// Enough to tell text from other things.
const BEGINNING: usize = 512;

/// A file about to be sent.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: Version,
    pub(super) content: Content,
    pub(super) beginning: Bytes,
}

/// Its bytes.
#[derive(Debug)]
pub(super) enum Content {
    Held(Bytes),
    OnDisk { file: Arc<File>, length: u64 },
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::OnDisk { length, .. } => *length,
        }
    }
}

/// Opens the file; blocking.
pub(super) fn open(path: &Path) -> Result<Found, Refusal> {
    let Opened { file, metadata } = opening::regular(path, OpenOptions::new().read(true))?;
    let version = Version::of(&metadata);
    let length = metadata.len();
    let kind = fstatfs(&file).map_err(Failure::at(path))?.f_type;
    // Sizes in /proc are 0, or of an address space.
    let content = if length == 0 || kind == PROC_SUPER_MAGIC {
        let bytes = hold(&file, MOST_WITHOUT_SIZE as u64 + 1).map_err(Failure::at(path))?;
        if bytes.len() > MOST_WITHOUT_SIZE {
            return Err(Refusal::Endless {
                path: path.to_owned(),
                most: MOST_WITHOUT_SIZE,
            });
        }
        Content::Held(bytes)
    } else if length <= CHUNK as u64 {
        // In /sys it may hold less than it says; what is read counts.
        Content::Held(hold(&file, length).map_err(Failure::at(path))?)
    } else {
        let file = Arc::new(file);
        Content::OnDisk { file, length }
    };
    let beginning = match &content {
        Content::Held(bytes) => bytes.slice(..bytes.len().min(BEGINNING)),
        Content::OnDisk { file, .. } => {
            let mut beginning = Vec::with_capacity(BEGINNING);
            fill(file, &mut beginning, 0, BEGINNING).map_err(Failure::at(path))?;
            beginning.into()
        }
    };
    Ok(Found {
        version,
        content,
        beginning,
    })
}

/// Up to `most` bytes from the file's start.
fn hold(mut file: &File, most: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(usize::try_from(most).map_or(CHUNK, |most| most.min(CHUNK)));
    file.by_ref().take(most).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Streams a part of the file. A file that turns out shorter breaks the stream, so that the client knows.
pub(super) fn stream(file: Arc<File>, part: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    let shelf = Shelf::default();
    stream::try_unfold(part, move |part| {
        let (file, shelf) = (Arc::clone(&file), shelf.clone());
        async move {
            if part.is_empty() {
                return Ok(None);
            }
            let chunk = blocking(move || shelf.fill(&file, &part).map(|chunk| (chunk, part))).await;
            let (chunk, part) = chunk?;
            let rest = part.start + chunk.len() as u64..part.end;
            Ok(Some((chunk, rest)))
        }
    })
}

/// Buffers that were sent and can be filled again: fresh ones cost a page fault for every page.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<Vec<Vec<u8>>>>);

/// A filled buffer; goes back to the shelf when it was sent.
struct Lent {
    buffer: Vec<u8>,
    shelf: Shelf,
}

impl Shelf {
    /// The first chunk of `part`, which is not empty.
    fn fill(&self, file: &File, part: &Range<u64>) -> io::Result<Bytes> {
        let shelved = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = shelved.unwrap_or_else(|| Vec::with_capacity(CHUNK));
        let size = usize::try_from(part.end - part.start).map_or(CHUNK, |rest| rest.min(CHUNK));
        fill(file, &mut buffer, part.start, size)?;
        if buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Bytes::from_owner(Lent {
            buffer,
            shelf: self.clone(),
        }))
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.shelf
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
    }
}

/// Reads into the empty `buffer` from `offset` on, at most `size` bytes and no more than it has room for.
fn fill(file: &File, buffer: &mut Vec<u8>, offset: u64, size: usize) -> io::Result<()> {
    loop {
        match pread(file, spare_capacity(buffer), offset) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    buffer.truncate(size);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_part_arrives_whole_and_buffers_are_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * CHUNK + 17).collect();
        fs::write(&path, &bytes).unwrap();
        let Content::OnDisk { file, length } = open(&path).unwrap().content else {
            panic!("it is large")
        };
        assert_eq!(length, bytes.len() as u64);
        let mut chunks = Box::pin(stream(file, 5..length - 3));
        let mut places = std::collections::HashSet::new();
        let mut got = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            places.insert(chunk.as_ptr());
            got.extend_from_slice(&chunk);
        }
        assert!(got == bytes[5..bytes.len() - 3]);
        assert_eq!(places.len(), 1);
    }

    #[tokio::test]
    async fn a_file_that_shrinks_breaks_the_stream() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![1; 2 * CHUNK]).unwrap();
        let Content::OnDisk { file, length } = open(&path).unwrap().content else {
            panic!("it is large")
        };
        fs::write(&path, "short").unwrap();
        let got: Vec<_> = stream(file, 0..length).collect().await;
        assert_eq!(got[0].as_ref().unwrap().len(), 5);
        assert!(got[1].is_err());
    }

    #[test]
    fn files_without_a_size_are_read_and_endless_ones_refused() {
        let status = open(Path::new("/proc/self/status")).unwrap();
        assert!(status.content.length() > 100);
        assert!(status.beginning.starts_with(b"Name:"));
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        assert_eq!(open(&empty).unwrap().content.length(), 0);
        let kcore = Path::new("/proc/kcore");
        if kcore.exists() {
            assert!(open(kcore).is_err());
        }
    }
}
