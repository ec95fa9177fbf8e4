//! The `roost-qemu` command: what Firecracker's command would do, and what only this one has.

use roost_engine::{
    Client, EngineError, EngineKind, EngineProcess, Exit, Launch,
    api::{BootSource, Drive, MachineConfig, NetworkInterface, RateLimiter, TokenBucket},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_roost-qemu");

struct Guarded(EngineProcess);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

async fn serve(dir: &Path, args: &[&str]) -> (Guarded, Client) {
    let mut launch = Launch::new(EngineKind::Qemu, BINARY, "command-1", dir.join("engine"));
    launch.args = args.iter().map(Into::into).collect();
    let process = Guarded(launch.spawn().await.expect("spawn"));
    let client = Client::of(&process.0);
    client
        .wait_ready(&process.0, Duration::from_secs(30))
        .await
        .expect("ready");
    (process, client)
}

fn kernel(dir: &TempDir) -> BootSource {
    let path = dir.path().join("kernel");
    fs::write(
        &path,
        b"\x7fELF\x02\x01 enough of a kernel to be named, not to be booted",
    )
    .expect("write");
    BootSource {
        kernel_image_path: path.display().to_string(),
        ..BootSource::default()
    }
}

fn message(outcome: Result<(), EngineError>) -> String {
    match outcome {
        Err(EngineError::Refused {
            status: 400,
            fault_message,
            ..
        }) => fault_message,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_a_terminated_engine() {
    let dir = tempfile::tempdir().unwrap();
    let (process, _) = serve(dir.path(), &[]).await;
    let socket = process.0.socket().to_owned();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let pid = process.0.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(process.0.wait().await, Exit::Code(0));
    assert!(!socket.exists());
}

#[test]
fn a_socket_that_exists_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("api.sock");
    fs::write(&socket, "").unwrap();
    let output = Command::new(BINARY)
        .args(["--id", "a", "--api-sock"])
        .arg(&socket)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains(&*socket.to_string_lossy()), "{words}");
    assert!(socket.exists(), "what is somebody else's stays");
}

#[test]
fn an_id_that_is_none_is_refused() {
    let output = Command::new(BINARY)
        .args(["--api-sock", "/nonexistent/s", "--id", "a/b"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_version_names_what_runs_the_guest() {
    let version = |qemu: &str| {
        let output = Command::new(BINARY).args(["--version", "--qemu", qemu]).output();
        output.expect("run")
    };
    let output = version("qemu-system-x86_64");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        words.starts_with("roost-qemu 1.16.1+roost-qemu.") && words.contains(".qemu."),
        "{words}"
    );
    let output = version("/nonexistent/qemu");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("/nonexistent/qemu"), "{words}");
}

#[tokio::test]
async fn a_missing_qemu_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, client) = serve(dir.path(), &["--qemu", "/nonexistent/qemu"]).await;
    client.put_boot_source(&kernel(&dir)).await.unwrap();
    let words = message(client.start().await);
    assert!(
        words.contains("/nonexistent/qemu") && words.contains("--qemu"),
        "{words}"
    );
    client.describe().await.expect("it still serves");
}

#[tokio::test]
async fn a_dying_qemu_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, client) = serve(dir.path(), &[]).await;
    client.put_boot_source(&kernel(&dir)).await.unwrap();
    let words = message(client.start().await);
    assert!(words.contains("qemu"), "{words}");
}

#[tokio::test]
async fn memory_that_does_not_fit_is_told_with_what_would() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, client) = serve(dir.path(), &[]).await;
    client.put_boot_source(&kernel(&dir)).await.unwrap();
    client
        .put_machine_config(&MachineConfig {
            mem_size_mib: 1 << 40,
            ..MachineConfig::default()
        })
        .await
        .unwrap();
    let words = message(client.start().await);
    assert!(
        words.contains(&(1_u64 << 40).to_string()) && words.contains("/dev/shm"),
        "{words}"
    );
}

#[tokio::test]
async fn what_qemu_cannot_honour_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, client) = serve(dir.path(), &[]).await;
    let bucket = TokenBucket {
        size: 1,
        one_time_burst: None,
        refill_time: 1,
    };
    let rate_limiter = Some(RateLimiter {
        bandwidth: Some(bucket),
        ops: None,
    });
    let image = dir.path().join("image");
    fs::write(&image, [0; 512]).unwrap();
    let drive = Drive {
        rate_limiter,
        ..Drive::writable("d", image.display().to_string())
    };
    assert!(message(client.put_drive(&drive).await).contains("rate_limiter"));
}

#[tokio::test]
async fn wrong_files_are_named_when_they_are_put() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, client) = serve(dir.path(), &[]).await;
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let directory = dir.path().display().to_string();
    for (path, why) in [
        (put("text", b"not a kernel"), "neither"),
        (put("empty", b""), "empty"),
        (directory.clone(), "neither"),
    ] {
        let words = message(
            client
                .put_boot_source(&BootSource {
                    kernel_image_path: path.clone(),
                    ..BootSource::default()
                })
                .await,
        );
        assert!(words.contains(&path) && words.contains(why), "{words}");
    }
    for (path, why) in [
        (put("odd", &[0; 513]), "sector"),
        (put("none", b""), "empty"),
        (directory, "neither"),
    ] {
        let words = message(client.put_drive(&Drive::writable("d", path.clone())).await);
        assert!(words.contains(&path) && words.contains(why), "{words}");
    }
    let interface = NetworkInterface {
        iface_id: "eth0".to_owned(),
        host_dev_name: "roostnone0".to_owned(),
        ..NetworkInterface::default()
    };
    let words = message(client.put_network_interface(&interface).await);
    assert!(words.contains("roostnone0"), "{words}");
}

#[test]
fn a_program_bound_to_a_parent_that_has_ended_does_not_start() {
    // Pid 1 is alive, but it is not this test.
    let dir = tempfile::tempdir().unwrap();
    let witness = dir.path().join("ran");
    let output = Command::new(BINARY)
        .args(["exec-bound", "1", "touch"])
        .arg(&witness)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(!witness.exists());
}
