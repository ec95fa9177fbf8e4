//! `Create`: what no sandbox can be.

use std::collections::BTreeMap;

use roost_domain::sandbox::{Command, Phase};
use roost_schemas::command::Create;
use roost_schemas::reply::Code;
use roost_schemas::spec::{MAX_PAIR_BYTES, MAX_PAIRS, SandboxSpec};

use super::refuses;
use crate::support::{History, create, spec};

#[track_caller]
fn refuses_create(create: Create, message: &str) {
    refuses(
        History::in_phase(Phase::Absent),
        Command::Create(create),
        Code::InvalidRequest,
        message,
    );
}

#[track_caller]
fn refuses_spec(spec: SandboxSpec, message: &str) {
    refuses_create(Create { spec, ..create() }, message);
}

fn pairs(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().collect()
}

fn pair(key: &str, value: &str) -> BTreeMap<String, String> {
    pairs([(key.to_owned(), value.to_owned())])
}

#[test]
fn of_an_id_that_is_taken() {
    let message =
        "a sandbox of this id exists already; choose another id or repeat the command under its own id";
    for phase in [Phase::Placed, Phase::Running, Phase::Stopped, Phase::Failed] {
        refuses(
            History::in_phase(phase),
            Command::Create(create()),
            Code::Conflict,
            message,
        );
    }
}

#[test]
fn that_was_not_placed() {
    let message = "placement is \"absent\": a create goes to \"any\", where the router places it";
    refuses_create(
        Create {
            placement: None,
            ..create()
        },
        message,
    );
}

#[test]
fn of_sizes_out_of_bounds() {
    let sized = |vcpus, memory_mb| {
        let mut create = create();
        let placement = create.placement.as_mut().unwrap();
        (placement.resources.vcpus, placement.resources.memory_mb) = (vcpus, memory_mb);
        create
    };
    refuses_create(sized(0, 128), "vcpus is 0: use 1 to 32");
    refuses_create(sized(33, 128), "vcpus is 33: use 1 to 32");
    refuses_create(sized(1, 0), "memory_mb is 0: use 96 to 262144");
    refuses_create(sized(1, 262_145), "memory_mb is 262145: use 96 to 262144");
}

#[test]
fn of_a_lifetime_out_of_bounds() {
    for timeout_sec in [0, 604_801] {
        let message = format!("timeout_sec is {timeout_sec}: use 1 to 604800");
        refuses_spec(
            SandboxSpec {
                timeout_sec,
                ..spec()
            },
            &message,
        );
    }
}

#[test]
fn with_too_many_or_too_large_pairs() {
    let many = pairs((0..=MAX_PAIRS).map(|n| (n.to_string(), String::new())));
    refuses_spec(
        SandboxSpec {
            metadata: many.clone(),
            ..spec()
        },
        "metadata is 65: at most 64 pairs",
    );
    refuses_spec(SandboxSpec { env: many, ..spec() }, "env is 65: at most 64 pairs");
    let large = pair("k", &"v".repeat(MAX_PAIR_BYTES));
    let message = "metadata is 16385: at most 16384 bytes of keys and values";
    refuses_spec(
        SandboxSpec {
            metadata: large,
            ..spec()
        },
        message,
    );
}

#[test]
fn with_variables_that_no_process_could_be_given() {
    let rule = "a variable's name is not empty and has no = and no NUL";
    for (name, shown) in [("", r#""""#), ("A=B", r#""A=B""#), ("A\0", r#""A\0""#)] {
        refuses_spec(
            SandboxSpec {
                env: pair(name, ""),
                ..spec()
            },
            &format!("env is {shown}: {rule}"),
        );
    }
    let message = r#"env is "b\0": a variable's value has no NUL"#;
    refuses_spec(
        SandboxSpec {
            env: pair("A", "b\0"),
            ..spec()
        },
        message,
    );
}

#[test]
fn but_not_with_labels_of_any_kind() {
    let metadata = pair("a=b\0", "ü\n");
    let create = Create {
        spec: SandboxSpec { metadata, ..spec() },
        ..create()
    };
    History::in_phase(Phase::Absent)
        .tell(Command::Create(create))
        .unwrap();
}
