//! Starting the jailer as a host does, and what is left afterwards.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

/// A user nobody else has.
const USER: &str = "341235";

type Case = fn() -> Result<(), String>;

pub(crate) const CASES: [(&str, Case); 4] = [
    ("a_jailed_program_is_nobody_and_sees_nothing", sees_nothing),
    ("what_no_engine_does_is_deadly", deadly),
    ("what_is_not_its_own_is_refused", refused),
    ("a_jail_leaves_a_folder_and_nothing_else", leaves_nothing),
];

/// A place for one jail.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("roost-jail-").tempdir().unwrap())
    }

    /// Runs this test in a jail, where it does `what`, as the init of a pid namespace.
    fn run(&self, what: &str) -> ExitStatus {
        let mut command = Command::new("sh");
        // With a descriptor that leads out of the jail.
        command.args(["-c", "exec \"$@\" 7</etc/passwd", "sh"]);
        command.args(["unshare", "--pid", "--fork", "--kill-child", "--"]);
        command.arg(env!("CARGO_BIN_EXE_roost-jailer"));
        command.args(["--id", "jail-1", "--uid", USER, "--gid", USER]);
        command.args([
            "--resource-limit",
            "no-file=32",
            "--resource-limit",
            "fsize=1048576",
        ]);
        command.arg("--chroot-base-dir").arg(self.0.path());
        command.arg("--exec-file").arg(std::env::current_exe().unwrap());
        for folder in ["/lib/x86_64-linux-gnu", "/lib64"] {
            command.arg("--show").arg(fs::canonicalize(folder).unwrap());
        }
        command.args(["--", what]).status().expect("util-linux's unshare")
    }
}

fn sees_nothing() -> Result<(), String> {
    succeeds("look")
}

fn refused() -> Result<(), String> {
    let tries = [
        "root",
        "shell",
        "written",
        "shown",
        "descriptors",
        "link",
        "large",
    ];
    tries.into_iter().try_for_each(succeeds)
}

fn deadly() -> Result<(), String> {
    for what in ["mount", "chroot", "unshare", "ptrace"] {
        let status = Place::new().run(what);
        // unshare(1) ends as its child has ended.
        let signal = status.signal().or(status.code().map(|code| code - 128));
        if signal != Some(libc::SIGSYS) {
            return Err(format!("{what}: {status}"));
        }
    }
    Ok(())
}

fn succeeds(what: &str) -> Result<(), String> {
    let status = Place::new().run(what);
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{what}: {status}"))
}

fn leaves_nothing() -> Result<(), String> {
    let place = Place::new();
    place.run("look");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let path = place.0.path().to_str().unwrap();
    if mounts.contains(path) {
        return Err(mounts);
    }
    let program = std::env::current_exe().unwrap();
    let home = Path::new(program.file_name().unwrap()).join("jail-1/root");
    fs::remove_dir_all(place.0.path().join(home)).map_err(|error| error.to_string())
}
