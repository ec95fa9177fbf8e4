//! File systems in memory: small ones that are soon full, and quick ones.

use std::ffi::CString;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A file system in memory, unmounted when dropped.
pub(crate) struct MemoryDisk(tempfile::TempDir);

impl MemoryDisk {
    /// One with these mount options, as tmpfs has them. It notes when a file was read last.
    pub(crate) fn new(options: &str) -> Self {
        Self::of("tmpfs", options)
    }

    /// One that takes all of a file for data.
    pub(crate) fn without_holes() -> Self {
        Self::of("ramfs", "")
    }

    fn of(kind: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root: it mounts a file system"
        );
        let options = CString::new(options).unwrap();
        let flags = MountFlags::STRICTATIME;
        mount("roost-test", folder.path(), kind, flags, options.as_c_str()).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}
