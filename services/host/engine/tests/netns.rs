//! Launching into a network namespace. Needs root, as the host does.

use roost_engine::{EngineKind, EngineProcess, Launch};
use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// A network namespace held by a mount on a file.
struct Netns(PathBuf);

impl Netns {
    fn new(dir: &Path) -> Self {
        let path = dir.join("roost-test-netns");
        File::create(&path).expect("a file to mount on");
        let made = Command::new("unshare")
            .arg(format!("--net={}", path.display()))
            .arg("true")
            .status();
        assert!(
            made.expect("util-linux's unshare").success(),
            "this test needs root"
        );
        Self(path)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

struct Guarded(EngineProcess);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn namespace(path: &str) -> u64 {
    fs::metadata(path).expect("a namespace").ino()
}

#[tokio::test]
async fn an_engine_starts_inside_and_we_stay_outside() {
    let dir = tempfile::tempdir().unwrap();
    let netns = Netns::new(dir.path());
    let program = dir.path().join("program");
    fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let before = namespace("/proc/thread-self/ns/net");

    let mut launch = Launch::new(EngineKind::Qemu, program, "n1", dir.path().join("engine"));
    launch.netns = Some(netns.0.clone());
    let process = Guarded(launch.spawn().await.unwrap());

    let inside = namespace(&format!("/proc/{}/ns/net", process.0.pid()));
    assert_eq!(inside, fs::metadata(&netns.0).unwrap().ino());
    assert_ne!(inside, before);
    assert_eq!(namespace("/proc/thread-self/ns/net"), before);
    process.0.stop().await.unwrap();
}
