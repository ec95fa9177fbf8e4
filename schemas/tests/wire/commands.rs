//! Command bodies: what people write by hand is read, and what makes no sense is refused in words.

use roost_schemas::codec::Undecodable;
use roost_schemas::command::{
    ContentType, Create, DEFAULT_EXEC_TIMEOUT_SEC, Exec, Kill, MAX_BODY, Pause, Resume, SandboxCommand,
    TakeSnapshot,
};
use roost_schemas::event::StopReason;
use roost_schemas::reply::Code;
use roost_schemas::spec::{DEFAULT_TIMEOUT_SEC, OnTimeout};

fn json(body: &str) -> Result<SandboxCommand, Undecodable> {
    SandboxCommand::decode(ContentType::Json, body.as_bytes())
}

fn refusal(body: &str) -> String {
    match json(body).unwrap_err() {
        error @ Undecodable::Malformed { what: "command", .. } => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let create = json(r#"{"type":"create","spec":{"template":"base"}}"#).unwrap();
    let SandboxCommand::Create(Create {
        spec,
        fork: None,
        placement: None,
    }) = create
    else {
        panic!("{create:?}")
    };
    assert_eq!((spec.vcpus, spec.memory_mb), (None, None));
    assert_eq!(
        (spec.timeout_sec, spec.on_timeout),
        (DEFAULT_TIMEOUT_SEC, OnTimeout::Kill)
    );
    assert!(spec.metadata.is_empty() && spec.env.is_empty() && !spec.auto_resume);

    let exec = json(r#"{"type":"exec","cmd":"true"}"#).unwrap();
    let SandboxCommand::Exec(Exec {
        args,
        cwd: None,
        user: None,
        timeout_sec,
        ..
    }) = exec
    else {
        panic!("{exec:?}")
    };
    assert_eq!((args.len(), timeout_sec), (0, DEFAULT_EXEC_TIMEOUT_SEC));

    let kill = json(r#"{"type":"kill"}"#).unwrap();
    assert_eq!(
        kill,
        SandboxCommand::Kill(Kill {
            reason: StopReason::Requested,
            due: None,
        })
    );

    let bare = [
        (r#"{"type":"pause"}"#, SandboxCommand::Pause(Pause::default())),
        (r#"{"type":"resume"}"#, SandboxCommand::Resume(Resume::default())),
        (
            r#"{"type":"snapshot"}"#,
            SandboxCommand::Snapshot(TakeSnapshot::default()),
        ),
    ];
    for (body, command) in bare {
        assert_eq!(json(body), Ok(command));
    }
}

#[test]
fn what_makes_no_sense_is_named() {
    let cases = [
        ("", "EOF"),
        ("null", "null"),
        ("{}", "missing field `type`"),
        (
            r#"{"type":"dance"}"#,
            "unknown variant `dance`, expected one of `create`",
        ),
        (r#"{"type":"kill","force":true}"#, "unknown field `force`"),
        (
            r#"{"type":"kill","reason":"boredom"}"#,
            "unknown variant `boredom`",
        ),
        (r#"{"type":"exec"}"#, "missing field `cmd`"),
        (r#"{"type":"exec","cmd":["ls"]}"#, "expected a string"),
        (r#"{"type":"set_timeout","timeout_sec":-1}"#, "-1"),
        (r#"{"type":"set_timeout","timeout_sec":4294967296}"#, "4294967296"),
        (r#"{"type":"set_timeout","timeout_sec":"60"}"#, "\"60\""),
        (
            r#"{"type":"create","spec":{"template":"../etc"}}"#,
            "\"../etc\" is not a template name",
        ),
        (
            r#"{"type":"create","spec":{"template":"base"},"fork":{"sandbox":"sb1"}}"#,
            "missing field `snapshot`",
        ),
        (
            r#"{"type":"create","spec":{"template":"base"},"fork":{"sandbox":"sb1","snapshot":"../sn1"}}"#,
            "\"../sn1\" is not a snapshot id",
        ),
        (
            r#"{"type":"create","spec":{"template":"base","on_timeout":"sleep"}}"#,
            "unknown variant `sleep`",
        ),
        (
            r#"{"type":"pause","keep_memory":false}"#,
            "unknown field `keep_memory`",
        ),
        (r#"{"type":"resume","timeout_sec":-1}"#, "-1"),
        (
            r#"{"type":"snapshot","name":"A b"}"#,
            "\"A b\" is not a template name",
        ),
        (r#"{"type":"delete_template"}"#, "missing field `name`"),
        (
            r#"{"type":"create","spec":{"template":"base","gpus":1}}"#,
            "unknown field `gpus`",
        ),
        (
            r#"{"type":"create","spec":{"template":"base","env":{"A":1}}}"#,
            "expected a string",
        ),
        (r#"{"type":"kill"} {"type":"kill"}"#, "trailing characters"),
    ];
    for (body, word) in cases {
        let error = refusal(body);
        assert!(error.contains(word), "{body}: {error}");
    }
}

#[test]
fn a_body_of_the_largest_size_is_read_and_one_byte_more_is_not() {
    let body = |length: usize| {
        let empty = r#"{"type":"exec","cmd":""}"#.len();
        format!(r#"{{"type":"exec","cmd":"{}"}}"#, "a".repeat(length - empty))
    };
    assert!(json(&body(MAX_BODY)).is_ok());
    let error = json(&body(MAX_BODY + 1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "command of 262145 bytes does not decode: a command has at most 262144 bytes"
    );
    let zeroes = vec![0; MAX_BODY + 1];
    assert!(SandboxCommand::decode(ContentType::MessagePack, &zeroes).is_err());
}

#[test]
fn a_body_in_the_other_encoding_is_refused() {
    let kill = SandboxCommand::Kill(Kill {
        reason: StopReason::Requested,
        due: None,
    });
    assert!(SandboxCommand::decode(ContentType::Json, &kill.encode()).is_err());
    assert!(SandboxCommand::decode(ContentType::MessagePack, br#"{"type":"kill"}"#).is_err());
    assert!(SandboxCommand::decode(ContentType::MessagePack, b"").is_err());
}

#[test]
fn content_types_are_read_as_http_reads_them() {
    let cases = [
        ("application/json", Some(ContentType::Json)),
        ("Application/JSON; charset=utf-8", Some(ContentType::Json)),
        (" application/msgpack ", Some(ContentType::MessagePack)),
        ("application/x-msgpack", Some(ContentType::MessagePack)),
        ("text/plain", None),
        ("", None),
    ];
    for (value, content) in cases {
        assert_eq!(ContentType::parse(value), content, "{value:?}");
    }
    for content in [ContentType::Json, ContentType::MessagePack] {
        assert_eq!(ContentType::parse(content.as_str()), Some(content));
    }
}

#[test]
fn the_words_for_programs_stay_as_they_are() {
    let words = [
        (Code::InvalidRequest, "invalid_request"),
        (Code::NotFound, "not_found"),
        (Code::InvalidState, "invalid_state"),
        (Code::Conflict, "conflict"),
        (Code::NoCapacity, "no_capacity"),
        (Code::LimitExceeded, "limit_exceeded"),
        (Code::Forbidden, "forbidden"),
        (Code::DeadlineExceeded, "deadline_exceeded"),
        (Code::Unavailable, "unavailable"),
    ];
    for (code, word) in words {
        assert_eq!(serde_json::to_value(code).unwrap(), word);
    }
}
