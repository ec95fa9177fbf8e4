//! The lines of an audit feed: a guest may run on under a newer release of its host.

use roost_schemas::ProcessId;
use roost_schemas::audit::{Answer, Ended, Fact, Notice, Starting, Verdict};
use roost_schemas::codec::decode_json;
use roost_schemas::event::ExitStatus;

use super::{Sample, sample};

pub(super) fn all() -> Vec<Sample> {
    let process = || ProcessId::new("a1").unwrap();
    let bare = Starting {
        process: process(),
        cmd: "ls".into(),
        args: Vec::new(),
        cwd: "/home/user".into(),
        user: "user".into(),
        timeout_sec: None,
        pty: false,
        tag: None,
    };
    let full = Starting {
        args: vec!["-l".into()],
        timeout_sec: Some(60),
        pty: true,
        tag: Some("shell".into()),
        ..bare.clone()
    };
    let ended = Ended {
        process: process(),
        status: ExitStatus::Exited { code: 1 },
        duration_ms: 1_500,
        stdout_bytes: 5_000_000_000,
        stderr_bytes: 0,
    };
    let notices = [
        ("starting", Fact::Starting(bare)),
        ("starting.full", Fact::Starting(full)),
        ("ended", Fact::Ended(ended)),
    ];
    let answers = [
        ("recorded", Verdict::Recorded),
        ("refused", Verdict::Refused("the sandbox is stopping".into())),
    ];
    let notices = notices.map(|(name, fact)| {
        let file = format!("audit.{name}.json");
        let notice = Notice { number: 1, fact };
        sample(&file, notice, json, |bytes| decode_json("notice", bytes))
    });
    let answers = answers.map(|(name, verdict)| {
        let file = format!("audit.{name}.json");
        let answer = Answer { number: 1, verdict };
        sample(&file, answer, json, |bytes| decode_json("answer", bytes))
    });
    notices.into_iter().chain(answers).collect()
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
