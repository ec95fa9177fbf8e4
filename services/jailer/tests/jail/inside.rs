//! The jailed one: looks about or tries what it is told to, and says how it went by its exit code.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chroot, symlink};
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::unistd::Pid;
use rustix::mount::{MountFlags, mount};
use rustix::process::Uid;
use rustix::thread::set_thread_uid;

/// Does it; failure means that it was possible.
pub(crate) fn act(what: &str) -> ExitCode {
    let refused = match what {
        "look" => return look(),
        "mount" => mount("none", "/", "tmpfs", MountFlags::empty(), None).is_err(),
        "chroot" => chroot("/").is_err(),
        "unshare" => unshare(CloneFlags::CLONE_NEWUSER).is_err(),
        "ptrace" => ptrace::attach(Pid::from_raw(1)).is_err(),
        "root" => set_thread_uid(Uid::ROOT).is_err(),
        "shell" => Command::new("/bin/sh").status().is_err(),
        "written" => {
            matches!(runs_what_it_wrote(), Err(error) if error.kind() == ErrorKind::PermissionDenied)
        }
        "shown" => File::create("/usr/lib64/new").is_err(),
        "descriptors" => (0..64)
            .map(|_| File::open("/proc/self/stat"))
            .collect::<Result<Vec<_>, _>>()
            .is_err(),
        "link" => symlink("/etc/passwd", "/link").is_err() && fs::create_dir("/folder").is_err(),
        "large" => fs::write("/large", vec![0; 2 << 20]).is_err(),
        other => panic!("{other}"),
    };
    if refused {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// It is somebody of its own, first in its pid namespace, with its device and without the machine's files.
fn look() -> ExitCode {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    for line in [
        "Pid:\t1",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    let root = fs::metadata("/").unwrap();
    assert!(root.uid() != 0 && root.mode() & 0o777 == 0o700);
    File::open("/dev/null").unwrap();
    fs::write("/dev/shm/memory", "of a guest").unwrap();
    let missing = ["/etc/passwd", "/bin/sh", "/sys", "/run", "/dev/mem", "/old_root"];
    assert!(missing.iter().all(|path| fs::metadata(path).is_err()));
    assert!(std::env::vars().all(|(name, _)| name == "PATH"));
    let open = fs::read_dir("/proc/self/fd").unwrap();
    assert_eq!(open.count(), 4, "standard ones, and that of the list itself");
    ExitCode::SUCCESS
}

/// Lets a copy of itself, which it may read, be run from where it may write.
fn runs_what_it_wrote() -> std::io::Result<()> {
    let own = fs::read("/proc/self/exe")?;
    // Within the limit of a file's size: a program is known by its first bytes.
    let mut program = File::options();
    let mut program = program.create(true).write(true).mode(0o700).open("/program")?;
    program.write_all(&own[..4096])?;
    drop(program);
    Command::new("/program").status().map(drop)
}
