//! File systems in memory: small ones that are soon full, and quick ones.

use std::ffi::CString;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A file system in memory, unmounted when dropped.
pub(crate) struct MemoryDisk(tempfile::TempDir);

impl MemoryDisk {
    /// One with these mount options, as tmpfs has them.
    pub(crate) fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root: it mounts a file system"
        );
        let options = CString::new(options).unwrap();
        let flags = MountFlags::empty();
        mount("roost-test", folder.path(), "tmpfs", flags, options.as_c_str()).unwrap();
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
