//! Processes of ours, found through `/proc`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Scope;

/// Processes whose program, arguments or root speak of the scope, as `pid command line`.
pub(super) fn of(scope: &Scope) -> Result<Vec<String>> {
    let own = own_line();
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    Ok(pids
        .filter(|pid| !own.contains(pid))
        .filter_map(|pid| shown(scope, pid))
        .collect())
}

/// A process that ends while it is looked at is none.
fn shown(scope: &Scope, pid: u32) -> Option<String> {
    let folder = Path::new("/proc").join(pid.to_string());
    let line = fs::read(folder.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let ours = match scope {
        Scope::Machine => is_daemon(&folder) || (is_helper(&line) && scope.covers_text(&line)),
        Scope::Instance { .. } => scope.covers_text(&line) || scope.covers_text(&root(&folder)),
    };
    ours.then(|| format!("{pid} {}", line.trim_end()))
}

/// The folder that is a jailed process's root, whose arguments tell nothing of the machine: the fourth field of the mount at
/// `/` (proc(5), mountinfo). Empty for one that has ended.
fn root(folder: &Path) -> String {
    let mounts = fs::read_to_string(folder.join("mountinfo")).unwrap_or_default();
    let root = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (point == "/").then(|| root.to_owned())
    });
    root.unwrap_or_default()
}

fn is_daemon(folder: &Path) -> bool {
    fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.starts_with("roost"))
}

/// Programs of others that work for us: only their arguments tell.
fn is_helper(line: &str) -> bool {
    let program = line
        .split(' ')
        .next()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default();
    program.starts_with("qemu-system") || matches!(program, "nats-server" | "firecracker" | "jailer")
}

/// This process and its ancestors: the shell that started a test run names our files as well.
fn own_line() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(parent) = line
        .last()
        .copied()
        .and_then(parent_of)
        .filter(|parent| *parent > 0)
    {
        line.push(parent);
    }
    line
}

/// The fourth field of `stat`, counted from behind the command in parentheses, which may hold anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_process_is_found_by_the_state_folder_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let scope = Scope::Instance {
            state: PathBuf::from(folder.path()),
            host_id: "hnone".into(),
        };
        assert_eq!(of(&scope).unwrap(), Vec::<String>::new());
        let mut child = std::process::Command::new("tail")
            .arg("-f")
            .arg("/dev/null")
            .arg(folder.path())
            .spawn()
            .unwrap();
        // The kernel lets a parent go on a moment before the new program's command line can be read.
        let line = format!("/proc/{}/cmdline", child.id());
        while fs::read(&line).unwrap().is_empty() {
            std::thread::yield_now();
        }
        let found = of(&scope).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.len() == 1 && found[0].contains("/dev/null"), "{found:?}");
        assert_eq!(of(&scope).unwrap(), Vec::<String>::new());
    }
}
