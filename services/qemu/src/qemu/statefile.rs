//! The file through which device state goes between QEMU and us: in memory, and without a name.

use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    fs::File,
    io::{self, Seek, Write},
    os::unix::fs::FileExt,
};

/// Most bytes that are read back from QEMU. A machine's state is about 150 KiB and a few more per vCPU.
const MAX_BYTES: usize = 32 << 20;

/// An empty one.
pub(super) fn empty() -> io::Result<File> {
    Ok(memfd_create("roost-state", MemfdFlags::CLOEXEC)?.into())
}

/// One to be read from its beginning.
pub(super) fn holding(state: &[u8]) -> io::Result<File> {
    let mut file = empty()?;
    file.write_all(state)?;
    file.rewind()?;
    Ok(file)
}

/// All that was written.
pub(super) fn contents(file: &File) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if bytes > MAX_BYTES {
        let why = format!("QEMU's device state has {bytes} bytes; at most {MAX_BYTES} are taken");
        return Err(io::Error::other(why));
    }
    let mut state = vec![0; bytes];
    file.read_exact_at(&mut state, 0)?;
    Ok(state)
}
