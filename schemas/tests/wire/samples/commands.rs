//! Every command, as little and as much as can be said with it.

use roost_schemas::command::{
    ContentType, Create, DeleteTemplate, Exec, Fork, Kill, Pause, Placement, PtySize, Resume, SandboxCommand,
    SetNetwork, SetTimeout, Start, TakeSnapshot,
};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::spec::{OnTimeout, SandboxSpec};
use roost_schemas::{Generation, HostId, SandboxId, TemplateName};

use super::{RESOURCES, Sample, loss, outside, pairs, policy, sample, snapshot, spec};

type Named = (&'static str, SandboxCommand);

pub(super) fn all() -> Vec<Sample> {
    let commands = creates().into_iter().chain(of_what_runs());
    let commands = commands.chain(of_snapshots()).chain(loss::commands());
    let commands = commands.chain(outside::commands());
    let both = commands.flat_map(|(name, command)| {
        [(ContentType::MessagePack, "msgpack"), (ContentType::Json, "json")].map(|(content, extension)| {
            let encode = move |command: &SandboxCommand| match content {
                ContentType::MessagePack => command.encode(),
                ContentType::Json => serde_json::to_vec(command).unwrap(),
            };
            let decode = move |bytes: &[u8]| SandboxCommand::decode(content, bytes);
            sample(
                &format!("command.{name}.{extension}"),
                command.clone(),
                encode,
                decode,
            )
        })
    });
    both.collect()
}

fn creates() -> Vec<Named> {
    let bare = Create {
        spec: spec(),
        fork: None,
        placement: None,
    };
    let placed = Placement {
        host: HostId::new("h1").unwrap(),
        resources: RESOURCES,
        from: None,
    };
    let from = Placement {
        from: Some(snapshot()),
        ..placed.clone()
    };
    let fork = Fork {
        sandbox: SandboxId::new("sb1").unwrap(),
        snapshot: snapshot().id,
    };
    let sleeper = SandboxSpec {
        on_timeout: OnTimeout::Pause,
        auto_resume: true,
        ..spec()
    };
    let guarded = SandboxSpec {
        network: policy(),
        ..spec()
    };
    let with = |spec| Create { spec, ..bare.clone() };
    let at = |placement| Create {
        placement: Some(placement),
        ..bare.clone()
    };
    let creates = [
        ("create", bare.clone()),
        ("create.placed", at(placed)),
        ("create.placed.from", at(from)),
        ("create.network", with(guarded)),
        ("create.pause", with(sleeper)),
        (
            "create.fork",
            Create {
                fork: Some(fork),
                ..bare.clone()
            },
        ),
    ];
    creates
        .map(|(name, create)| (name, SandboxCommand::Create(create)))
        .to_vec()
}

fn of_what_runs() -> Vec<Named> {
    let exec = Exec {
        cmd: "sh".into(),
        args: vec!["-c".into(), "echo \"$A\"".into()],
        cwd: Some("/tmp".into()),
        env: pairs(&[("A", "b c")]),
        user: Some("root".into()),
        timeout_sec: 5,
        stdin: false,
        pty: None,
    };
    let interactive = Exec {
        stdin: true,
        pty: Some(PtySize { cols: 80, rows: 24 }),
        ..exec.clone()
    };
    let timeout = |extend| {
        let timeout_sec = 600;
        SandboxCommand::SetTimeout(SetTimeout { timeout_sec, extend })
    };
    let generation = Generation(1);
    vec![
        ("start", SandboxCommand::Start(Start { generation })),
        ("exec", SandboxCommand::Exec(exec)),
        ("exec.pty", SandboxCommand::Exec(interactive)),
        ("set_timeout", timeout(false)),
        ("set_timeout.extend", timeout(true)),
        (
            "set_network",
            SandboxCommand::SetNetwork(SetNetwork { policy: policy() }),
        ),
        (
            "kill",
            SandboxCommand::Kill(Kill {
                reason: StopReason::TimedOut,
                due: None,
            }),
        ),
    ]
}

fn of_snapshots() -> Vec<Named> {
    let name = TemplateName::new("warm").unwrap();
    let pause = |reason| SandboxCommand::Pause(Pause { reason, due: None });
    let resume = |timeout_sec| SandboxCommand::Resume(Resume { timeout_sec });
    let take = |name| SandboxCommand::Snapshot(TakeSnapshot { name });
    vec![
        ("pause", pause(PauseReason::Requested)),
        ("pause.timed_out", pause(PauseReason::TimedOut)),
        ("resume", resume(None)),
        ("resume.timeout", resume(Some(600))),
        ("snapshot", take(None)),
        ("snapshot.named", take(Some(name.clone()))),
        (
            "delete_template",
            SandboxCommand::DeleteTemplate(DeleteTemplate { name }),
        ),
    ]
}
