//! Copying guest memory between its file and a snapshot's, and only what is there.

use super::{Output, failed};
use crate::machine::Fault;
use roost_engine::api::SnapshotType;
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

/// Bytes copied at a time.
const BUFFER: u64 = 1 << 20;

const WHAT: &str = "mem_file_path";

/// Writes `memory` to `path`. A diff goes over what is there, if that has the memory's size.
pub(crate) fn dump(memory: &File, kind: SnapshotType, path: &Path) -> Result<Output, Fault> {
    let mut output = Output::create(WHAT, path)?;
    let file = output.file();
    let copied = memory.metadata().map(|found| found.len()).and_then(|bytes| {
        if kind == SnapshotType::Full || file.metadata()?.len() != bytes {
            file.set_len(0)?;
        }
        file.set_len(bytes)?;
        copy(memory, file, bytes)
    });
    copied.map_err(failed(WHAT, path))?;
    Ok(output)
}

/// Fills `memory`, which is empty, from a snapshot's file.
pub(crate) fn load(path: &Path, memory: &File) -> Result<(), Fault> {
    const WHAT: &str = "backend_path";
    let kind = fs::metadata(path).map_err(failed(WHAT, path))?;
    if !kind.is_file() {
        return Err(failed(WHAT, path)(io::Error::other("is not a file")));
    }
    let expected = memory.metadata().map_err(failed(WHAT, path))?.len();
    if kind.len() != expected {
        return Err(Fault::MemoryFileSize {
            path: path.to_owned(),
            found: kind.len(),
            expected,
        });
    }
    let source = File::open(path).map_err(failed(WHAT, path))?;
    copy(&source, memory, expected).map_err(failed(WHAT, path))
}

/// The parts of the first `bytes` of `file` that are not there.
pub(crate) fn holes(file: &File, bytes: u64) -> io::Result<Vec<Range<u64>>> {
    let mut holes = Vec::new();
    let mut at = 0;
    while let Some(data) = next_data(file, at, bytes)? {
        if at < data.start {
            holes.push(at..data.start);
        }
        at = data.end;
    }
    if at < bytes {
        holes.push(at..bytes);
    }
    Ok(holes)
}

fn copy(from: &File, to: &File, bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(BUFFER).expect("it is small")];
    let mut at = 0;
    while let Some(data) = next_data(from, at, bytes)? {
        for start in data.clone().step_by(buffer.len()) {
            let part = usize::try_from((data.end - start).min(BUFFER)).expect("at most the buffer");
            from.read_exact_at(&mut buffer[..part], start)?;
            to.write_all_at(&buffer[..part], start)?;
        }
        at = data.end;
    }
    Ok(())
}

/// The next stretch of data at or behind `at`, before `end`.
fn next_data(file: &File, at: u64, end: u64) -> io::Result<Option<Range<u64>>> {
    let start = match seek(file, SeekFrom::Data(at)) {
        Ok(start) if start < end => start,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stop = seek(file, SeekFrom::Hole(start))?;
    Ok(Some(start..stop.min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const PAGE: u64 = 4096;

    /// Memory of `pages`, of which `there` are.
    fn memory(pages: u64, there: &[u64]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(pages * PAGE).unwrap();
        for page in there {
            file.write_all_at(&[u8::try_from(*page).unwrap() + 1; 4096], page * PAGE)
                .unwrap();
        }
        file
    }

    fn page(file: &File, page: u64) -> u8 {
        let mut bytes = [0; 4096];
        file.read_exact_at(&mut bytes, page * PAGE).unwrap();
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "page {page} is torn");
        bytes[0]
    }

    #[test]
    fn what_is_not_there_stays_a_hole() {
        let memory = memory(1000, &[0, 7, 8]);
        assert_eq!(
            holes(&memory, 1000 * PAGE).unwrap(),
            [PAGE..7 * PAGE, 9 * PAGE..1000 * PAGE]
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory");
        dump(&memory, SnapshotType::Full, &path).unwrap().keep();
        let written = File::open(&path).unwrap();
        assert_eq!(written.metadata().unwrap().len(), 1000 * PAGE);
        assert_eq!(written.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(written.metadata().unwrap().blocks() * 512 < 20 * PAGE);
        assert_eq!([0, 1, 7, 8, 999].map(|n| page(&written, n)), [1, 0, 8, 9, 0]);
    }

    #[test]
    fn a_diff_goes_over_its_base_and_a_full_one_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory");
        dump(&memory(10, &[1, 2]), SnapshotType::Full, &path)
            .unwrap()
            .keep();
        dump(&memory(10, &[5]), SnapshotType::Diff, &path).unwrap().keep();
        let merged = File::open(&path).unwrap();
        assert_eq!([1, 2, 5].map(|n| page(&merged, n)), [2, 3, 6]);
        dump(&memory(10, &[5]), SnapshotType::Full, &path).unwrap().keep();
        assert_eq!([1, 2, 5].map(|n| page(&merged, n)), [0, 0, 6]);
    }

    #[test]
    fn what_is_not_kept_is_removed_if_it_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory");
        drop(dump(&memory(10, &[1]), SnapshotType::Full, &path).unwrap());
        assert!(!path.exists());
        fs::write(&path, "older").unwrap();
        drop(dump(&memory(10, &[1]), SnapshotType::Full, &path).unwrap());
        assert!(path.exists());
    }

    #[test]
    fn a_memory_file_of_another_size_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory");
        dump(&memory(10, &[1]), SnapshotType::Full, &path).unwrap().keep();
        let refused = load(&path, &memory(11, &[]));
        assert!(
            matches!(refused, Err(Fault::MemoryFileSize { found, expected, .. }) if found < expected),
            "{refused:?}"
        );
        let restored = memory(10, &[]);
        load(&path, &restored).unwrap();
        assert_eq!([0, 1].map(|n| page(&restored, n)), [0, 2]);
    }
}
