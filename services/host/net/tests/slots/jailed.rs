//! What an engine needs that does not run as root.

use std::process::Command;

use crate::common::{on_machine, owner};
use roost_net::{SlotPool, run_inside};

const FIRST_UID: u32 = 300_000;

/// Whom the kernel lets attach to the slot's TAP, as sysfs shows it to a process inside; -1 stands for root alone.
async fn tap_owner(pool: &SlotPool, sandbox: &str) -> (u32, String) {
    let slot = pool.claim(owner(sandbox, 1)).await.unwrap();
    let read = || {
        let look = "mount -t sysfs sysfs /sys && cat /sys/class/net/tap0/owner";
        Command::new("unshare")
            .args(["--mount", "sh", "-c", look])
            .output()
            .unwrap()
    };
    let output = run_inside(slot.netns, read).await.unwrap();
    (
        slot.number,
        String::from_utf8(output.stdout).unwrap().trim().to_owned(),
    )
}

#[test]
fn a_jailed_engine_may_open_its_own_tap_and_no_other() {
    on_machine(|machine| async move {
        let mut config = machine.config("a");
        config.tap_owners = Some(FIRST_UID);
        let pool = SlotPool::open(config).await.unwrap();
        for sandbox in ["sb1", "sb2"] {
            let (number, owner) = tap_owner(&pool, sandbox).await;
            assert_eq!(owner, (FIRST_UID + number).to_string());
        }
        pool.purge().await.unwrap();
    });
}

#[test]
fn where_engines_are_root_nobody_else_may_open_a_tap() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        assert_eq!(tap_owner(&pool, "sb1").await.1, "-1");
        pool.purge().await.unwrap();
    });
}
