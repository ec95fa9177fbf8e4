//! The machine: its root, its name, its end.

use std::process::Command;
use std::time::Duration;

use crate::agent::{bash, run};
use crate::vm::{HOSTNAME, Vm};

#[tokio::test]
async fn the_root_is_writable_above_an_untouched_template_and_power_off_leaves_it_clean() {
    let mut vm = Vm::boot().await;
    let script = "hostname; cat /etc/hostname; echo kept > /root/file; rm /bin/rbash; cat /root/file; \
        grep -c '^roost / overlay' /proc/mounts; cat /sys/fs/cgroup/cgroup.subtree_control; cat /etc/resolv.conf; \
        stat -c %a /tmp /dev/shm; ls -d /modules 2>/dev/null";
    let outcome = run(vm.agent(), bash(script)).await.unwrap();
    let lines: Vec<&str> = outcome.text().lines().collect();
    assert_eq!(lines[..4], [HOSTNAME, HOSTNAME, "kept", "1"]);
    assert!(
        lines[4].contains("memory") && lines[4].contains("pids"),
        "{lines:?}"
    );
    assert_eq!(lines[5..], ["nameserver 169.254.0.22", "1777", "1777"]);

    // The connection may break before the answer is complete: the agent is among what is stopped.
    let _ = run(vm.agent(), bash("poweroff")).await;
    assert!(vm.ended().await.success());
    assert!(vm.template_is_untouched());
    let check = Command::new("e2fsck")
        .args(["-n", "-f"])
        .arg(vm.drive())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success() && !report.contains("recover"), "{report}");
}

#[tokio::test]
async fn an_agent_that_dies_is_started_again_and_its_processes_live_on() {
    let vm = Vm::boot().await;
    let outcome = run(vm.agent(), bash("sleep 1000 >/dev/null 2>&1 & echo $!"))
        .await
        .unwrap();
    let sleeper = outcome.text().to_owned();
    // Its group holds nothing but the agent and what it is about to start.
    let _ = run(
        vm.agent(),
        bash("kill -KILL $(head -1 /sys/fs/cgroup/agent/cgroup.procs)"),
    )
    .await;
    while !vm.console().contains("the agent ended") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while !crate::agent::is_healthy(vm.agent()).await {}
    let outcome = run(vm.agent(), bash(&format!("kill -0 {sleeper} && echo alive")))
        .await
        .unwrap();
    assert_eq!(outcome.text(), "alive");
}
