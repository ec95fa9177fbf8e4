//! Two guests from one snapshot, which go on as two.

use std::collections::HashSet;

use http::StatusCode;

use crate::agent::{bash, post, run, send};
use crate::restored::{greet, greeting, run_in};
use crate::vm::{Snapshot, Vm};

const MEMORY: u32 = 128;

/// What programs find out about the guest they are in: each must differ from clone to clone.
const PARTS: [&str; 6] = [
    "head -c 1024 /dev/urandom | md5sum",
    "cat /proc/sys/kernel/random/uuid",
    "cat /run/roost/generation",
    "hostname",
    "cat /etc/machine-id",
    "echo $NAME",
];

#[tokio::test]
async fn clones_share_nothing_that_must_be_their_own() {
    let vm = Vm::boot_with(MEMORY).await;
    // It runs in the snapshot and in both clones, and writes what the kernel's generator gives it.
    let script = "while read -r uuid </proc/sys/kernel/random/uuid; do echo $uuid; done >/root/uuids 2>&1 & \
        while [ $(wc -l </root/uuids) -lt 10 ]; do sleep 0.1; done";
    run(vm.agent(), bash(script)).await.unwrap();
    let (status, _) = send(post(vm.agent(), "/quiesce", "application/json", b"")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let snapshot = Snapshot::take(vm, MEMORY).await;

    let mut parts = Vec::new();
    let mut uuids = Vec::new();
    for (name, digit) in [("red", '1'), ("blue", '2')] {
        let clone = snapshot.resume().await;
        let agent = clone.agent();
        let greeting = greeting(name, digit, "2033-01-02T03:04:05Z");
        assert_eq!(
            greet(agent, &greeting).await,
            (StatusCode::NO_CONTENT, String::new())
        );
        let mut own = Vec::new();
        for part in PARTS {
            own.push(run_in(agent, name, part).await.text().to_owned());
        }
        let year = run_in(agent, name, "date -u +%Y").await;
        assert_eq!(year.text(), "2033");
        parts.push(own);
        let script = "sleep 0.5; pkill bash -f uuids; head -c 4000000 /root/uuids";
        uuids.push(run_in(agent, name, script).await.text().to_owned());
    }
    for (part, (one, other)) in PARTS.iter().zip(parts[0].iter().zip(&parts[1])) {
        assert_ne!(one, other, "{part}");
    }
    let [one, other] = [&uuids[0], &uuids[1]].map(|text| text.lines().collect::<Vec<_>>());
    let common = one
        .iter()
        .zip(&other)
        .take_while(|(one, other)| one == other)
        .count();
    assert!(common > 0, "they were one once");
    let later: HashSet<_> = one[common..].iter().collect();
    assert!(!later.is_empty() && other.len() > common);
    assert!(!other[common..].iter().any(|uuid| later.contains(uuid)));
}
