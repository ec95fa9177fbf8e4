//! The supervisor and its watchdog, on small shell scripts instead of our daemons.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xtask::supervise::watchdog::Watchdog;
use xtask::supervise::{Readiness, Role, Spec, Supervised};

fn watchdog() -> Arc<Watchdog> {
    Arc::new(Watchdog::start(Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap())
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn spec(folder: &Path, text: &str) -> Spec {
    Spec {
        role: Role::Gateway,
        program: script(folder, "daemon", text),
        args: Vec::new(),
        env: Vec::new(),
        log: folder.join("daemon.log"),
        readiness: Readiness::Line,
    }
}

fn runs(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn kill(pid: u32) {
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{what} did not come true"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_process_that_dies_is_started_again_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(
        folder.path(),
        "echo starting\necho ready http://here\nexec sleep 600",
    );
    let running = Supervised::start(spec, watchdog()).await.unwrap();
    assert_eq!(running.ready_line(), "ready http://here");
    let first = running.pid().unwrap();
    kill(first);
    let second = running.replaced(first).await.unwrap();
    assert!(runs(second) && !runs(first));
    running.stop().await;
    assert!(!runs(second));
}

#[tokio::test]
async fn a_process_that_cannot_start_is_an_error_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "echo 'no such stream' >&2\nexit 7");
    let error = Supervised::start(spec, watchdog())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("gateway did not start") && error.contains("exit status: 7"),
        "{error}"
    );
    assert!(error.contains("no such stream"), "{error}");
}

#[test]
fn a_watchdog_without_farewell_stops_purges_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let doomed = folder.path().join("doomed");
    fs::create_dir(&doomed).unwrap();
    let witness = folder.path().join("purged");
    let purge = script(
        folder.path(),
        "purge",
        &format!("echo \"$@\" > {}", witness.display()),
    );
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();

    let watchdog = watchdog();
    watchdog.started(Role::Host, child.id());
    watchdog.purge(&purge, &doomed);
    watchdog.remove(&doomed);
    drop(watchdog);

    wait_until("the process's end", || child.try_wait().unwrap().is_some());
    wait_until("the folder's removal", || !doomed.exists());
    assert_eq!(
        fs::read_to_string(witness).unwrap().trim(),
        format!("purge --state {}", doomed.display())
    );
}

#[test]
fn a_watchdog_told_farewell_leaves_everything_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let watchdog = watchdog();
    watchdog.started(Role::Host, child.id());
    watchdog.remove(folder.path());
    Arc::into_inner(watchdog).unwrap().farewell();
    assert!(child.try_wait().unwrap().is_none() && folder.path().exists());
    child.kill().unwrap();
    child.wait().unwrap();
}
