//! Lives that are lawful, and each way not to be.

use serde_json::{Value, json};

use super::*;

/// When everything is stored here.
const NOW: Timestamp = Timestamp(10_000);

fn event(kind: &str, data: Value) -> SandboxEvent {
    let mut event = json!({"type": kind});
    event["data"] = data;
    serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{event}: {error}"))
}

pub(in crate::chaos::invariants) fn requested() -> SandboxEvent {
    let resources = json!({"vcpus": 1, "memory_mb": 128});
    event(
        "requested",
        json!({"spec": {"template": "minimal"}, "resources": resources}),
    )
}

fn placed(generation: u64) -> SandboxEvent {
    event("placed", json!({"host": "h1", "generation": generation}))
}

pub(in crate::chaos::invariants) fn running(generation: u64, expires_at: u64) -> SandboxEvent {
    let data = json!({
        "generation": generation, "engine": "qemu", "engine_version": "1", "boot_ms": 1,
        "started_at": 1, "expires_at": expires_at,
    });
    event("running", data)
}

pub(in crate::chaos::invariants) fn started(process: &str) -> SandboxEvent {
    let data = json!({"process": process, "cmd": "true", "args": [], "timeout_sec": 1});
    event("process_started", data)
}

/// A sandbox that runs in its first generation, and times out then.
fn life(expires_at: u64) -> Life {
    let starting = event("starting", json!({"generation": 1}));
    let mut life = Life::default();
    for event in [requested(), placed(1), starting, running(1, expires_at)] {
        life.step(&event, NOW).expect("it is lawful");
    }
    life
}

fn broken(life: &mut Life, event: &SandboxEvent) -> Invariant {
    life.step(event, NOW).expect_err("it must be found").invariant
}

#[test]
fn a_pause_and_a_resume_raise_the_generation_by_one() {
    let mut life = life(20_000);
    let pausing = json!({"generation": 1, "snapshot": "sn1", "reason": "requested"});
    life.step(&event("pausing", pausing), NOW).unwrap();
    life.follow(&event(
        "pause_failed",
        json!({"generation": 1, "cause": {"kind": "host_restarted"}}),
    ));
    assert_eq!(life.phase, Phase::Running);
    life.phase = Phase::Paused;
    assert_eq!(
        broken(&mut life, &placed(3)),
        Invariant::Lawful,
        "one was left out"
    );
    life.phase = Phase::Paused;
    life.step(&placed(4), NOW).unwrap();
    let resuming = event("resuming", json!({"generation": 4, "timeout_sec": 5}));
    life.step(&resuming, NOW).unwrap();
    life.step(&running(4, 20_000), NOW).unwrap();
    assert_eq!(life.generation, Generation(4));
}

#[test]
fn a_report_of_another_generation_or_a_second_run_is_unlawful() {
    assert_eq!(broken(&mut life(20_000), &running(1, 20_000)), Invariant::Lawful);
    let stale = json!({"generation": 0, "snapshot": "sn1", "reason": "requested"});
    assert_eq!(
        broken(&mut life(20_000), &event("pausing", stale)),
        Invariant::Lawful
    );
}

#[test]
fn a_timeout_is_early_by_a_millisecond_but_not_when_it_is_due() {
    let timed_out = event("stopping", json!({"reason": "timed_out"}));
    assert_eq!(broken(&mut life(NOW.0 + 1), &timed_out), Invariant::Timely);
    life(NOW.0).step(&timed_out, NOW).unwrap();
}

#[test]
fn a_program_is_admitted_once_and_ends_once() {
    let mut life = life(20_000);
    life.step(&started("p1"), NOW).unwrap();
    assert_eq!(broken(&mut life, &started("p1")), Invariant::Once);
    let exited = json!({
        "process": "p1", "status": {"how": "exited", "code": 0},
        "duration_ms": 1, "stdout_bytes": 0, "stderr_bytes": 0,
    });
    let exited = event("process_exited", exited);
    life.step(&exited, NOW).unwrap();
    assert_eq!(broken(&mut life, &exited), Invariant::Once);
}

#[test]
fn nothing_follows_the_end() {
    let mut life = life(20_000);
    let lost = json!({"generation": 1, "cause": {"kind": "host_down"}});
    life.step(&event("lost", lost), NOW).unwrap();
    assert_eq!(life.unasked, Some(("HostDown".to_owned(), true)));
    for late in [
        placed(2),
        started("p1"),
        event("stopping", json!({"reason": "requested"})),
    ] {
        let mut life = Life {
            phase: Phase::Lost,
            generation: Generation(1),
            ..Life::default()
        };
        assert_eq!(broken(&mut life, &late), Invariant::Lawful);
    }
}
