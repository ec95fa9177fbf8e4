//! A small value of every kind that is written anywhere, with the name of its golden file.

mod audit;
mod commands;
mod events;
mod loss;
mod outside;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt::Debug;

use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{ExitStatus, Payload};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::output::{Channel, Frame};
use roost_schemas::reply::{Accepted, Code, Rejected, Reply};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::{OnHostDown, OnTimeout, Resources, SandboxSpec};
use roost_schemas::{CommandId, Digest, HostId, Sequence, SnapshotId, TemplateName, Timestamp};

/// A value, as bytes and as a check of what its golden file decodes to.
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) decodes_to_the_value: Check,
}

type Check = Box<dyn Fn(&[u8]) -> Result<(), String>>;

fn sample<T: PartialEq + Debug + 'static, E: Debug>(
    file: &str,
    value: T,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<T, E> + 'static,
) -> Sample {
    Sample {
        file: file.to_owned(),
        bytes: encode(&value),
        decodes_to_the_value: Box::new(move |bytes| match decode(bytes) {
            Ok(decoded) if decoded == value => Ok(()),
            other => Err(format!("{other:?} instead of {value:?}")),
        }),
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Sample> {
    commits("sandbox", events::sandbox())
        .chain(commits("sandbox", events::of_snapshots()))
        .chain(commits("sandbox", loss::sandbox()))
        .chain(commits("template", events::template()))
        .chain(commits("host", events::host()))
        .chain(commits("host", loss::host()))
        .chain(commits("tenant", outside::tenant()))
        .chain(commits("webhook", outside::webhook()))
        .chain(commands::all())
        .chain(loss::leases())
        .chain(replies())
        .chain(frames())
        .chain(audit::all())
        .chain(snapshot::all())
        .collect()
}

/// A commit of `events`, as a host would write it.
pub(crate) fn commit_of<E>(events: Vec<E>) -> Commit<E> {
    Commit {
        command_id: CommandId::new("0192f0c1-7e64-7bb0-8a3e-000000000001").unwrap(),
        schema_version: SCHEMA_VERSION,
        at: Timestamp(1_790_000_000_123),
        principal: "host:h1".into(),
        events,
    }
}

fn commits<E: Payload + PartialEq + Debug>(
    aggregate: &str,
    events: Vec<(&str, Vec<E>)>,
) -> impl Iterator<Item = Sample> {
    events.into_iter().map(move |(name, events)| {
        let file = format!("commit.{aggregate}.{name}.msgpack");
        sample(&file, commit_of(events), Commit::encode, Commit::decode)
    })
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn spec() -> SandboxSpec {
    SandboxSpec {
        template: TemplateName::new("base").unwrap(),
        vcpus: Some(2),
        memory_mb: None,
        timeout_sec: 300,
        on_timeout: OnTimeout::Kill,
        on_host_down: OnHostDown::Lose,
        auto_resume: false,
        metadata: pairs(&[("owner", "Zoë")]),
        env: pairs(&[("PATH", "/bin")]),
        network: NetworkPolicy::default(),
    }
}

/// A policy in which nothing is as it is by default.
fn policy() -> NetworkPolicy {
    NetworkPolicy {
        internet: false,
        allow: vec!["1.2.3.0/24".parse().unwrap()],
        deny: vec!["9.9.9.9".parse().unwrap()],
        public: false,
        mask_host: Some("localhost:${PORT}".into()),
    }
}

/// A sealed snapshot, as the log knows one.
fn snapshot() -> Snapshot {
    Snapshot {
        id: SnapshotId::new("sn0123456789abcdef0123").unwrap(),
        host: HostId::new("h1").unwrap(),
        seal: Digest::of(b"seal"),
        stored_bytes: 5_000_000_000,
        sources: 2,
    }
}

const RESOURCES: Resources = Resources {
    vcpus: 2,
    memory_mb: 512,
};

fn replies() -> Vec<Sample> {
    let accepted = Reply::Accepted(Accepted {
        sequence: Sequence(7),
        state: "running".into(),
    });
    let message = "no host has room".to_owned();
    let rejected = Reply::Rejected(Rejected {
        code: Code::NoCapacity,
        message,
    });
    let both = [("accepted", accepted), ("rejected", rejected)]
        .into_iter()
        .flat_map(|(name, reply)| {
            let json = |bytes: &[u8]| roost_schemas::codec::decode_json("reply", bytes);
            [
                sample(
                    &format!("reply.{name}.msgpack"),
                    reply.clone(),
                    Reply::encode,
                    Reply::decode,
                ),
                sample(
                    &format!("reply.{name}.json"),
                    reply,
                    |reply| serde_json::to_vec(reply).unwrap(),
                    json,
                ),
            ]
        });
    both.collect()
}

fn frames() -> Vec<Sample> {
    let data = |channel| Frame::Data {
        channel,
        offset: 70_000,
        data: vec![0, 0x7f, 0x80, 0xff],
    };
    let end = Frame::End {
        status: ExitStatus::Exited { code: -1 },
        duration_ms: 1_500,
        stdout_bytes: 70_004,
        stderr_bytes: 0,
        sequence: Sequence(9),
    };
    [
        ("data", data(Channel::Stdout)),
        ("data.stderr", data(Channel::Stderr)),
        ("data.pty", data(Channel::Pty)),
        ("end", end),
    ]
    .into_iter()
    .map(|(name, frame)| {
        sample(
            &format!("frame.{name}.msgpack"),
            frame,
            Frame::encode,
            Frame::decode,
        )
    })
    .collect()
}
