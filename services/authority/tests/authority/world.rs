//! A nats-server with an authority, and clients with its credentials.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use futures::StreamExt;
use roost_authority::{Folder, Member, Role};
use roost_journal::jetstream::{self, Access, Connection, Options};
use roost_journal::testing::{NATS_CONF, NatsServer};
use tempfile::TempDir;

/// How long is waited for what must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct World {
    pub(crate) server: NatsServer,
    pub(crate) folder: TempDir,
}

impl World {
    /// A server that knows one of each role, two hosts and two tenants, with its streams made.
    pub(crate) async fn new() -> Self {
        let world = Self::bare();
        world.connect(Role::Reconciler, None).await;
        world
    }

    /// The same without streams.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = Folder::open(folder.path()).unwrap();
        for (role, name) in [
            (Role::Reconciler, None),
            (Role::Gateway, None),
            (Role::Webhooks, None),
            (Role::Operator, None),
            (Role::Host, Some("h1")),
            (Role::Host, Some("h2")),
            (Role::Tenant, Some("acme")),
            (Role::Tenant, Some("sys")),
        ] {
            authority.credentials(&Member::new(role, name).unwrap()).unwrap();
        }
        let conf = std::fs::read_to_string(authority.conf()).unwrap();
        let server = NatsServer::start_governed(NATS_CONF, &conf);
        Self { server, folder }
    }

    pub(crate) fn file(&self, role: Role, name: Option<&str>) -> PathBuf {
        self.folder.path().join(Member::new(role, name).unwrap().file())
    }

    /// As a daemon connects.
    pub(crate) fn options(&self, role: Role, name: Option<&str>) -> Options {
        let access = Access {
            nats_nkey: Some(self.file(role, name)),
            nats_ca: None,
        };
        Options {
            ack_wait: Duration::from_secs(1),
            patience: Duration::from_secs(5),
            ..access.options(self.server.url()).unwrap()
        }
    }

    pub(crate) async fn connect(&self, role: Role, name: Option<&str>) -> Connection {
        let connected = jetstream::connect(self.options(role, name)).await;
        connected.unwrap_or_else(|error| panic!("{role:?} {name:?}: {error}"))
    }

    /// As somebody connects who has stolen the credentials.
    pub(crate) async fn client(&self, role: Role, name: Option<&str>) -> Client {
        let seed = std::fs::read_to_string(self.file(role, name)).unwrap();
        let nkey = roost_journal::jetstream::Nkey::read(&self.file(role, name)).unwrap();
        let options = ConnectOptions::with_nkey(seed.trim().to_owned())
            .request_timeout(Some(Duration::from_millis(500)));
        // A tenant's inboxes are its account's own.
        let options = match role {
            Role::Tenant => options,
            _ => options.custom_inbox_prefix(nkey.inbox()),
        };
        options.connect(self.server.url()).await.unwrap()
    }

    /// Publishes to each of `subjects`; all must be denied, and stand in the server's log.
    pub(crate) async fn denied(&self, client: &Client, subjects: &[&str]) {
        for subject in subjects {
            client.publish((*subject).to_owned(), "x".into()).await.unwrap();
        }
        client.flush().await.unwrap();
        for subject in subjects {
            self.logged("Publish Violation", subject).await;
        }
    }

    /// Waits until a line of the server's log has both.
    pub(crate) async fn logged(&self, kind: &str, subject: &str) {
        for _ in 0..100 {
            let log = self.server.log();
            if log
                .lines()
                .any(|line| line.contains(kind) && line.contains(&format!("\"{subject}\"")))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {kind} for {subject} in:\n{}", self.server.log());
    }

    /// Listens to `subject`; what it hears.
    pub(crate) async fn hears(client: &Client, subject: &str) -> async_nats::Subscriber {
        let heard = client.subscribe(subject.to_owned()).await.unwrap();
        client.flush().await.unwrap();
        heard
    }

    /// Whether anything arrives before long.
    pub(crate) async fn silent(heard: &mut async_nats::Subscriber) -> bool {
        tokio::time::timeout(SILENCE, heard.next()).await.is_err()
    }
}
