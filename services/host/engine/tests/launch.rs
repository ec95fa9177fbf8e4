//! Launching things that are not engines: everything is noticed and nothing stays behind.

use roost_engine::{
    AdoptError, Client, EngineError, EngineKind, EngineProcess, Exit, Launch, LaunchError, Record,
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};
use tokio::io::AsyncReadExt;

/// A program that behaves as `script` says when it is started like an engine.
fn launch(dir: &Path, script: &str) -> Launch {
    let program = dir.join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("write program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it executable");
    Launch::new(EngineKind::Qemu, program, "t1", dir.join("engine"))
}

/// Kills on drop, so that a failing test leaves no process.
struct Guarded(EngineProcess);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[tokio::test]
async fn an_engine_that_dies_at_once_is_noticed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let process = launch(dir.path(), "echo cannot find my kernel >&2; exit 7")
        .spawn()
        .await
        .unwrap();
    let error = Client::of(&process)
        .wait_ready(&process, Duration::from_mins(1))
        .await
        .unwrap_err();
    let EngineError::Exited { exit, log_tail, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(exit, Exit::Code(7));
    assert_eq!(log_tail, "cannot find my kernel");
}

#[tokio::test]
async fn an_engine_that_never_serves_meets_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let process = launch(dir.path(), "echo thinking; exec sleep 600")
        .spawn()
        .await
        .unwrap();
    let error = Client::of(&process)
        .wait_ready(&process, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::NotReady { .. }), "{error}");
    assert_eq!(process.stop().await.unwrap(), Exit::Signal(9));
    assert_eq!(
        Record::read(&dir.path().join("engine")).unwrap(),
        None,
        "the record went with the engine"
    );
    assert_eq!(
        process.stop().await.unwrap(),
        Exit::Signal(9),
        "stopping twice is no error"
    );
}

#[tokio::test]
async fn nobody_else_is_spoken_to_whatever_has_become_of_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.sock");
    let listener = tokio::net::UnixListener::bind(&other).unwrap();
    let process = launch(dir.path(), "exec sleep 600").spawn().await.unwrap();
    let _guard = Guarded(process.clone());
    symlink(&other, process.socket()).unwrap();
    let error = Client::of(&process).pause().await.unwrap_err();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let (own, engine) = (std::process::id(), process.pid());
    let words = cause.to_string();
    assert!(
        words.contains(&format!("process {own} and not by {engine}")),
        "{words}"
    );
    let mut heard = String::new();
    let (mut connection, _) = listener.accept().await.unwrap();
    connection.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "");
    process.stop().await.unwrap();
}

#[tokio::test]
async fn an_engine_gets_neither_our_environment_nor_our_session() {
    let dir = tempfile::tempdir().unwrap();
    // CARGO_MANIFEST_DIR stands for the keys in a host's environment: it is always set here.
    let script = "echo \"home ${CARGO_MANIFEST_DIR-none} in $(pwd)\"; exec sleep 600";
    let process = launch(dir.path(), script).spawn().await.unwrap();
    let _guard = Guarded(process.clone());
    let expected = format!("home none in {}", dir.path().join("engine").display());
    while process.log_tail() != expected {
        assert_eq!(process.exit(), None, "it said {:?}", process.log_tail());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let (group, session) = (fields[2], fields[3]);
    assert_eq!([group, session], [&*process.pid().to_string(); 2]);
    process.stop().await.unwrap();
}

#[tokio::test]
async fn a_recorded_engine_is_adopted_and_a_reused_pid_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = launch(dir.path(), "exec sleep 600").spawn().await.unwrap();
    let record = Record::read(&dir.path().join("engine"))
        .unwrap()
        .expect("a record");
    drop(first);
    let adopted = EngineProcess::adopt(record.clone()).unwrap();

    let mut reused = record.clone();
    reused.process.start_time += 1;
    assert!(matches!(
        EngineProcess::adopt(reused),
        Err(AdoptError::Reused { .. })
    ));
    let mut earlier = record.clone();
    earlier.process.boot_id = "another".to_owned();
    assert!(matches!(
        EngineProcess::adopt(earlier),
        Err(AdoptError::EarlierBoot { .. })
    ));

    adopted.stop().await.unwrap();
    assert!(matches!(
        EngineProcess::adopt(record),
        Err(AdoptError::Gone { .. })
    ));
}

#[tokio::test]
async fn bad_launches_are_refused_with_the_value() {
    let dir = tempfile::tempdir().unwrap();
    let good = launch(dir.path(), "exec sleep 600");

    let error = Launch {
        id: "../x".into(),
        ..good.clone()
    }
    .spawn()
    .await
    .unwrap_err();
    assert!(
        matches!(&error, LaunchError::Id { .. }) && error.to_string().contains("../x"),
        "{error}"
    );

    let error = Launch {
        binary: "/nonexistent/engine".into(),
        ..good.clone()
    }
    .spawn()
    .await
    .unwrap_err();
    assert!(
        matches!(&error, LaunchError::Binary { .. }) && error.to_string().contains("/nonexistent/engine"),
        "{error}"
    );

    let error = Launch {
        netns: Some("/nonexistent/netns".into()),
        ..good.clone()
    }
    .spawn()
    .await
    .unwrap_err();
    assert!(matches!(&error, LaunchError::Netns { .. }), "{error}");

    let socket = dir.path().join("s".repeat(108));
    let error = Launch { socket, ..good }.spawn().await.unwrap_err();
    assert!(matches!(&error, LaunchError::SocketPath { .. }), "{error}");
}

#[tokio::test]
async fn a_program_that_cannot_run_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let launch = launch(dir.path(), "");
    fs::set_permissions(&launch.binary, fs::Permissions::from_mode(0o644)).unwrap();
    let error = launch.spawn().await.unwrap_err();
    assert!(matches!(&error, LaunchError::Spawn { .. }), "{error}");
    assert!(error.to_string().contains("denied"), "{error}");
}
