//! Sparse files: where their data is, and copies that keep their holes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use rustix::fs::{SeekFrom as Sparse, ioctl_ficlone, seek};
use rustix::io::Errno;

/// Makes the empty file `to` a copy of `from`, holes included.
///
/// File systems that share blocks (XFS, Btrfs) are asked to; elsewhere only what is data is copied.
pub fn copy(from: &File, to: &File) -> io::Result<()> {
    if ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    // Whatever kept it from cloning, copying finds out whether it is an obstacle.
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut at = 0;
    while let Some((start, end)) = next_data(from, at, length)? {
        copy_range(from, start, to, start, end - start)?;
        at = end;
    }
    Ok(())
}

/// Copies `length` bytes of `from` at `start` to `to` at `target`; both files' positions move.
pub fn copy_range(from: &File, start: u64, to: &File, target: u64, length: u64) -> io::Result<()> {
    let (mut source, mut sink) = (from, to);
    source.seek(SeekFrom::Start(start))?;
    sink.seek(SeekFrom::Start(target))?;
    // Between files this is copy_file_range where the kernel can, which shares blocks where the file system can.
    let copied = io::copy(&mut source.take(length), &mut sink)?;
    if copied == length {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file became shorter while it was copied",
    ))
}

/// The next run of data at or after `at`, as start and end.
pub fn next_data(file: &File, at: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
    if at >= length {
        return Ok(None);
    }
    match seek(file, Sparse::Data(at)) {
        Ok(start) => Ok(Some((start, seek(file, Sparse::Hole(start))?))),
        // Nothing but a hole is left.
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn sparse(length: u64, data: &[(u64, &[u8])]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        for (at, bytes) in data {
            file.write_all_at(bytes, *at).unwrap();
        }
        file
    }

    fn contents(mut file: &File) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn copies_are_equal_and_no_larger() {
        let block = [7; 5000];
        let cases: [&[(u64, &[u8])]; 4] = [
            &[],
            &[(0, &block)],
            &[(3 * MIB, &block), (5 * MIB, &block)],
            &[(8 * MIB - 5000, &block)],
        ];
        for data in cases {
            let (from, to) = (sparse(8 * MIB, data), tempfile::tempfile().unwrap());
            copy(&from, &to).unwrap();
            assert!(contents(&from) == contents(&to));
            // One block more per run, for the block size.
            let allowed = from.metadata().unwrap().blocks() + 8 * data.len() as u64;
            assert!(to.metadata().unwrap().blocks() <= allowed);
        }
    }

    #[test]
    fn an_empty_file_copies() {
        let to = tempfile::tempfile().unwrap();
        copy(&sparse(0, &[]), &to).unwrap();
        assert_eq!(to.metadata().unwrap().len(), 0);
    }
}
