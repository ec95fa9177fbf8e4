//! What every Linux program expects to find: filesystems, control groups, limits.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::mount::MsFlags;
use nix::sys::resource::{Resource, setrlimit};

use super::report;
use crate::boot::mount;
use crate::cgroups;

/// Open files: programs that poll with `select()` rely on the low soft limit, servers raise it up to the hard one.
pub(crate) const OPEN_FILES: (u64, u64) = (1024, 524_288);

/// Mounts and prepares; each failure is reported and leaves the rest.
pub(super) fn prepare() {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let private = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    report(
        "mount",
        mount(
            "devpts",
            "/dev/pts",
            "devpts",
            quiet,
            Some("mode=0620,gid=5,ptmxmode=0666"),
        ),
    );
    report(
        "mount",
        mount("tmpfs", "/dev/shm", "tmpfs", private, Some("mode=1777")),
    );
    report(
        "mount",
        mount(
            "cgroup2",
            cgroups::ROOT,
            "cgroup2",
            quiet | MsFlags::MS_NODEV,
            None,
        ),
    );
    cgroups::prepare();
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        report("link the standard streams", symlink(target, link));
    }
    // On the sandbox's drive and not in memory: guests are small, and what programs put there is not.
    report("make /tmp", fs::create_dir_all("/tmp"));
    report(
        "open /tmp to all",
        fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777)),
    );
    report(
        "limit open files",
        setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1),
    );
}
