//! A commit that is not whole, not ours or not yet known is refused, with words that say which.

use roost_schemas::codec::{self, Undecodable};
use roost_schemas::commit::Commit;
use roost_schemas::event::{ExitStatus, HostEvent, ProcessExited, SandboxEvent};
use roost_schemas::{ProcessId, SandboxId};
use serde_json::{Value, json};

use crate::samples::commit_of;

type SandboxCommit = Commit<SandboxEvent>;

/// A stored commit as a tree that a test can disfigure.
fn tree() -> Value {
    let exited = ProcessExited {
        process: ProcessId::new("p1").unwrap(),
        status: ExitStatus::Exited { code: 0 },
        duration_ms: 1,
        stdout_bytes: 2,
        stderr_bytes: 3,
    };
    serde_json::to_value(commit_of(vec![SandboxEvent::ProcessExited(exited)])).unwrap()
}

fn refusal(tree: &Value) -> String {
    match SandboxCommit::decode(&codec::encode(tree)).unwrap_err() {
        error @ Undecodable::Malformed {
            what: "sandbox commit",
            ..
        } => error.to_string(),
        other => panic!("{other:?} for {tree}"),
    }
}

/// The commit with `value` put at `pointer`, whose last part may be new.
fn with(pointer: &str, value: Value) -> Value {
    let mut tree = tree();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    tree.pointer_mut(parent).unwrap()[key] = value;
    tree
}

#[test]
fn the_tree_itself_decodes() {
    assert!(SandboxCommit::decode(&codec::encode(&tree())).is_ok());
}

#[test]
fn a_newer_version_is_named_even_when_nothing_else_is_understood() {
    let understood = with("/schema_version", json!(2));
    let not_understood = json!({ "schema_version": 2, "sealed": "by a later release" });
    for tree in [understood, not_understood] {
        let error = SandboxCommit::decode(&codec::encode(&tree)).unwrap_err();
        assert_eq!(
            error,
            Undecodable::TooNew {
                what: "sandbox commit",
                found: 2,
                newest: 1
            }
        );
        assert!(error.to_string().contains("upgrade this reader"), "{error}");
    }
}

#[test]
fn a_version_that_never_was_is_not_called_new() {
    let error = refusal(&with("/schema_version", json!(0)));
    assert!(
        error.contains("no release has written schema version 0"),
        "{error}"
    );
}

#[test]
fn an_unknown_field_is_refused_at_every_level_and_named() {
    for pointer in [
        "/hue",
        "/events/0/hue",
        "/events/0/data/hue",
        "/events/0/data/status/hue",
    ] {
        let error = refusal(&with(pointer, json!("red")));
        assert!(error.contains("hue"), "{pointer}: {error}");
    }
}

#[test]
fn an_unknown_event_cause_or_end_is_refused_and_named() {
    let unknown = [
        with("/events/0/type", json!("melted")),
        with("/events/0/data/status", json!({ "how": "melted" })),
        with(
            "/events",
            json!([{ "type": "failed", "data": { "cause": { "kind": "melted" } } }]),
        ),
    ];
    for tree in unknown {
        let error = refusal(&tree);
        assert!(error.contains("unknown variant `melted`"), "{error}");
    }
}

#[test]
fn a_command_that_was_confirmed_is_read_as_strictly_as_on_its_way() {
    let confirmed = |command| {
        with(
            "/events",
            json!([{ "type": "confirmed", "data": { "command": command } }]),
        )
    };
    let whole = confirmed(json!({ "type": "resume", "timeout_sec": 9 }));
    assert!(SandboxCommit::decode(&codec::encode(&whole)).is_ok());
    for (command, word) in [
        (json!({ "type": "melt" }), "melt"),
        (json!({ "type": "resume", "hue": "red" }), "hue"),
        (json!({ "timeout_sec": 9 }), "type"),
        (json!(null), "SandboxCommand"),
    ] {
        let error = refusal(&confirmed(command));
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn an_event_that_carries_nothing_is_refused_with_something() {
    let stopped = json!([{ "type": "stopped", "data": { "hue": "red" } }]);
    let error = refusal(&with("/events", stopped));
    assert!(error.contains("unit"), "{error}");
}

#[test]
fn a_malformed_id_is_refused_by_its_rule() {
    let error = refusal(&with("/events/0/data/process", json!("p/../1")));
    assert!(error.contains("\"p/../1\" is not a process id"), "{error}");
    let error = refusal(&with("/command_id", json!("a b")));
    assert!(error.contains("is not a command id"), "{error}");
}

#[test]
fn a_missing_field_is_refused_and_named() {
    let mut tree = tree();
    tree.as_object_mut().unwrap().remove("principal");
    assert!(refusal(&tree).contains("missing field `principal`"));
}

#[test]
fn a_commit_without_events_is_refused() {
    let error = refusal(&with("/events", json!([])));
    assert!(error.contains("it has no events"), "{error}");
}

#[test]
fn another_aggregates_commit_is_refused() {
    let bytes = commit_of(vec![HostEvent::Drained]).encode();
    let error = SandboxCommit::decode(&bytes).unwrap_err();
    assert!(error.to_string().contains("unknown variant `drained`"), "{error}");
}

#[test]
fn a_commit_cut_short_anywhere_is_refused() {
    let whole = commit_of(vec![SandboxEvent::Stopped]).encode();
    for length in 0..whole.len() {
        let error = SandboxCommit::decode(&whole[..length]).unwrap_err();
        assert!(
            matches!(error, Undecodable::Malformed { bytes, .. } if bytes == length),
            "{error:?}"
        );
    }
}

#[test]
fn bytes_behind_a_commit_are_refused() {
    let mut bytes = commit_of(vec![SandboxEvent::Stopped]).encode();
    bytes.extend(b"abc");
    let error = SandboxCommit::decode(&bytes).unwrap_err();
    assert!(
        error.to_string().contains("3 bytes stand behind its end"),
        "{error}"
    );
}

/// NATS takes messages of up to 1 MiB, its default `max_payload`.
#[test]
fn the_commit_that_closes_the_most_processes_fits_into_a_message() {
    let sandbox = SandboxId::new("s".repeat(40)).unwrap();
    let closed = |n: u32| {
        SandboxEvent::ProcessExited(ProcessExited {
            process: ProcessId::new(format!("{n:040}")).unwrap(),
            status: ExitStatus::Unknown {
                reason: format!("the sandbox {sandbox} was stopped"),
            },
            duration_ms: u64::MAX,
            stdout_bytes: u64::MAX,
            stderr_bytes: u64::MAX,
        })
    };
    let bytes = commit_of((0..1024).map(closed).collect()).encode();
    assert!(bytes.len() < 512 * 1024, "{}", bytes.len());
}
