//! Looking at what a configuration names, when it is named: a wrong path is told to the one who wrote it.

use crate::machine::{Artifact, Fault};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileTypeExt,
    path::Path,
};

/// Where a bzImage says what it is, and what it says: `HdrS` of the Linux boot protocol.
const BZIMAGE_MAGIC: (usize, &[u8]) = (0x202, b"HdrS");

/// The first bytes of a 64-bit little-endian ELF.
const ELF_MAGIC: (usize, &[u8]) = (0, b"\x7fELF\x02\x01");

/// Virtio counts disks in sectors of this many bytes.
const SECTOR: u64 = 512;

/// Whether the artifact can be used.
pub(super) fn usable(artifact: &Artifact) -> Result<(), Fault> {
    match artifact {
        Artifact::Kernel(path) => check("kernel_image_path", path, kernel),
        Artifact::Initrd(path) => check("initrd_path", path, |path| open(path, false).map(drop)),
        Artifact::Disk { path, writable } => check("path_on_host", path, |path| disk(path, *writable)),
        Artifact::Tap(name) => tap(name),
    }
}

fn check(what: &'static str, path: &Path, look: impl Fn(&Path) -> io::Result<()>) -> Result<(), Fault> {
    look(path).map_err(|error| Fault::File {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Opens a file that is not empty. Its kind comes first: opening a pipe would wait for a writer.
fn open(path: &Path, writable: bool) -> io::Result<(File, u64)> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(invalid("is neither a file nor a block device"));
    }
    let mut file = OpenOptions::new().read(true).write(writable).open(path)?;
    let bytes = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    if bytes == 0 {
        return Err(invalid("is empty"));
    }
    Ok((file, bytes))
}

fn kernel(path: &Path) -> io::Result<()> {
    let (file, _) = open(path, false)?;
    let mut head = Vec::new();
    file.take(1024).read_to_end(&mut head)?;
    let has = |(at, magic): (usize, &[u8])| head.get(at..at + magic.len()) == Some(magic);
    if has(ELF_MAGIC) || has(BZIMAGE_MAGIC) {
        return Ok(());
    }
    Err(invalid("is neither a 64-bit ELF nor a bzImage"))
}

fn disk(path: &Path, writable: bool) -> io::Result<()> {
    match open(path, writable)? {
        (_, bytes) if bytes % SECTOR != 0 => Err(invalid("is not a whole number of 512-byte sectors")),
        _ => Ok(()),
    }
}

/// `/proc/self/net` follows our namespace; `/sys/class/net` follows whoever mounted it.
fn tap(name: &str) -> Result<(), Fault> {
    let devices = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let found = devices
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(device, _)| device.trim() == name);
    found.then_some(()).ok_or_else(|| Fault::NoTap {
        name: name.to_owned(),
    })
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
