//! A log on a nats-server of its own, and the command that looks at it.

use std::process::{Command, Output};

use roost_journal::jetstream::{Connection, connect};
use roost_journal::port::{Append, Journal};
use roost_journal::testing::NatsServer;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{HostEvent, Payload, SandboxEvent, Starting};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, Generation, HostId, SandboxId, Sequence, TenantId, Timestamp};

/// A nats-server with some commits.
pub(crate) struct World {
    pub(crate) server: NatsServer,
    pub(crate) log: Connection,
}

impl World {
    pub(crate) async fn empty() -> Self {
        let server = NatsServer::start();
        let log = connect(server.options()).await.unwrap();
        Self { server, log }
    }

    /// With `sandboxes`, each of three commits, and a host.
    pub(crate) async fn with(sandboxes: u64) -> Self {
        let world = Self::empty().await;
        world.commit(&host("h1"), 0, HostEvent::Drained).await;
        for number in 0..sandboxes {
            let subject = sandbox(&format!("s{number}"));
            let mut last = 0;
            for generation in 1..=2 {
                let generation = Generation(generation);
                last = world
                    .commit(&subject, last, SandboxEvent::Starting(Starting { generation }))
                    .await;
            }
            world.commit(&subject, last, SandboxEvent::Stopped).await;
        }
        world
    }

    pub(crate) async fn commit<E: Payload>(&self, subject: &EventSubject, after: u64, event: E) -> u64 {
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1_700_000_000_000),
            principal: "test".to_owned(),
            events: vec![event],
        };
        let payload = commit.encode().into();
        let appended = self
            .log
            .journal()
            .append(subject, Sequence(after), &commit.command_id, payload)
            .await;
        match appended.unwrap() {
            Append::Stored(sequence) => sequence.0,
            Append::Conflict(newer) => panic!("{newer:?}"),
        }
    }

    /// Publishes a message as somebody would who is not Roost; answers when it is stored.
    pub(crate) async fn by_hand(&self, subject: &str, headers: &[(&str, &str)], body: &'static [u8]) {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let context = async_nats::jetstream::new(self.log.client());
        let publish = context
            .publish_with_headers(subject.to_owned(), map, body.into())
            .await;
        publish.unwrap().await.unwrap();
    }

    /// `roost log <what>` on this server.
    pub(crate) fn roost(&self, what: &str, more: &[&str]) -> Ran {
        roost(&[&["log", what, "--nats", &self.server.url()], more].concat())
    }

    pub(crate) async fn head(&self) -> u64 {
        self.log.journal().head().await.unwrap().0
    }
}

pub(crate) fn sandbox(id: &str) -> EventSubject {
    EventSubject::sandbox(TenantId::new("default").unwrap(), SandboxId::new(id).unwrap())
}

pub(crate) fn host(id: &str) -> EventSubject {
    EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Host(HostId::new(id).unwrap()),
    }
}

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ok: bool,
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Ran {
    /// What it said, when it ended well.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert!(self.ok, "{}", self.said);
        self.said
    }

    /// What it said, when it did not.
    #[track_caller]
    pub(crate) fn badly(self) -> String {
        assert!(!self.ok, "{}", self.said);
        self.said
    }
}

/// What the log comes to, as `verify` said it.
pub(crate) fn folded(said: &str) -> &str {
    let line = said.lines().find(|line| line.starts_with("folded: "));
    line.unwrap_or_else(|| panic!("{said}"))
}

pub(crate) fn roost(args: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_roost"))
        .args(args)
        .env_remove("ROOST_API_KEY")
        .output()
        .unwrap();
    Ran {
        ok: status.success(),
        code: status.code(),
        said: String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned(),
    }
}
