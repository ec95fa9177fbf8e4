//! Hooks: programs of the sandbox that run in a restored guest before everything else does.
//!
//! They are the executable files in [`FOLDER`], run one after the other in the order of their names, as root, with the
//! sandbox's variables and no input. They are for what only the sandbox's own programs can renew: seeds of generators,
//! keys of servers, cached credentials. Users' other programs stand still meanwhile; a signal that a hook sends them
//! arrives when they run on.
//!
//! A hook that fails, or takes longer than [`EACH`], is told on the console and holds nobody up: what it did not renew
//! is the sandbox's own loss. What it leaves running goes on with the users' other programs.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use roost_schemas::envd::process::{ProcessConfig, StartRequest};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::report;
use crate::agent::process::output;
use crate::agent::process::plan::{self, PlanError};
use crate::agent::process::session;
use crate::agent::process::spawn::{SpawnError, spawn};
use crate::agent::settings::Settings;
use crate::cgroups::{Group, ROOT};
use crate::log::say;

/// Where they are.
const FOLDER: &str = "/etc/roost/restore.d";

/// How long one may take, and all of them together: the host waits for them.
const EACH: Duration = Duration::from_secs(2);
const ALL: Duration = Duration::from_secs(3);

/// Processes may fork while they are moved; after so many passes they are left.
const PASSES: usize = 16;

/// Why a hook did not run, or not to its end.
#[derive(Debug, Error)]
enum HookError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error(transparent)]
    Wait(#[from] io::Error),
    #[error("it ended with {0}")]
    Failed(std::process::ExitStatus),
    #[error("it was killed, because it took longer than {EACH:?}, or all of them longer than {ALL:?}")]
    Slow,
}

/// Runs them all.
pub(super) async fn run(settings: &Settings) {
    let hooks = match find(Path::new(FOLDER)) {
        Ok(hooks) => hooks,
        Err(error) => return say!("agent: cannot read {FOLDER}: {error}"),
    };
    if hooks.is_empty() {
        return;
    }
    let group = Path::new(ROOT).join(Group::Hook.name());
    report("make the hooks' control group", fs::create_dir_all(&group));
    let end = Instant::now() + ALL;
    for hook in hooks {
        if let Err(error) = run_one(&hook, settings, end).await {
            say!("agent: {}: {error}", hook.display());
        }
    }
    let users = Path::new(ROOT).join(Group::User.name());
    report("take hooks' processes over", hand_over(&group, &users));
}

/// The executable files of a folder in the order of their names; none when there is no folder.
fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut hooks = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_hook = fs::metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
        if is_hook {
            hooks.push(path);
        }
    }
    hooks.sort();
    Ok(hooks)
}

async fn run_one(hook: &Path, settings: &Settings, end: Instant) -> Result<(), HookError> {
    let process = ProcessConfig {
        cmd: hook.to_string_lossy().into_owned(),
        ..ProcessConfig::default()
    };
    let request = StartRequest {
        process: process.into(),
        stdin: Some(false),
        ..StartRequest::default()
    };
    let mut plan = plan::make(Path::new("/"), &request, Some("root".into()), settings)?;
    plan.group = Group::Hook;
    let end = end.min(Instant::now() + EACH);
    let started = timeout_at(end, spawn(&plan)).await.map_err(|_| HookError::Slow)?;
    let mut spawned = started?;
    for source in spawned.sources {
        tokio::spawn(output::discard(Some(source)));
    }
    let Ok(ended) = timeout_at(end, spawned.child.wait()).await else {
        session::kill(spawned.pid);
        return Err(HookError::Slow);
    };
    let status = ended?;
    if status.success() {
        Ok(())
    } else {
        Err(HookError::Failed(status))
    }
}

/// Moves what is left in one group to another, and removes the first.
fn hand_over(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..PASSES {
        let left = fs::read_to_string(from.join("cgroup.procs"))?;
        if left.is_empty() {
            break;
        }
        for process in left.lines() {
            // It may have ended.
            let _ = fs::write(to.join("cgroup.procs"), process);
        }
    }
    fs::remove_dir(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_executed_is_a_hook() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(&folder.path().join("none")).unwrap().is_empty());
        for (name, mode) in [("20-b", 0o755), ("10-a", 0o700), ("README", 0o644)] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(folder.path().join("30-folder")).unwrap();
        let found = find(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["10-a", "20-b"]);
    }
}
