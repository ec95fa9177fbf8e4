//! The ports on NATS JetStream: one nats-server (or cluster), four streams.
//!
//! [`connect`] refuses a server that would not keep what it acknowledges (see `fitness`) and streams that would drop
//! or reorder what they hold (see `streams`). The connection mends itself; whenever it has been re-established the
//! server is checked again, and while it is found unfit every write fails with
//! [`JournalError::Unfit`].

mod access;
mod backup;
mod direct;
mod feeds;
mod fitness;
mod journal;
mod leases;
mod link;
mod nkey;
mod output;
mod page;
mod queue;
mod record;
mod streams;
mod tail;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use access::Access;
pub use backup::{Backup, Messages, Stored};
pub use feeds::JetStreamFeeds;
pub use journal::JetStreamJournal;
pub use leases::JetStreamLeases;
pub use nkey::{Nkey, NkeyError};
pub use output::JetStreamOutput;
pub use queue::JetStreamQueue;
pub use streams::{COMMANDS, EVENTS, LEASES, OUTPUT};

use crate::port::JournalError;
use link::Link;

/// How to connect, and the bounds to keep. Only the address has no default.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's address, such as `nats://127.0.0.1:4222`; it may carry a user and a password.
    pub url: String,
    /// What the server's connection list calls this process.
    pub name: String,
    /// Who this process is to the server; absent: whoever the server takes a stranger for.
    pub nkey: Option<Nkey>,
    /// Certificates, in PEM, by which the server proves itself; the connection then has to be encrypted. Absent: this
    /// machine's own, for an address that begins with `tls://`.
    pub ca: Option<PathBuf>,
    /// How long one answer of the server is awaited before the request counts as lost.
    pub ack_wait: Duration,
    /// How long an operation is tried altogether before it fails as unavailable.
    pub patience: Duration,
    /// How long a consumer may hold a command without a sign of life before it is delivered again.
    pub lease: Duration,
    /// How long the server remembers message ids; used when a stream is made, and the least an existing one may have.
    pub duplicate_window: Duration,
    /// Bytes of waiting commands beyond which new ones are refused.
    pub commands_bytes: u64,
    /// Bytes of process output beyond which the oldest is dropped.
    pub output_bytes: u64,
}

impl Options {
    /// The defaults for the server at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: "roost".to_owned(),
            nkey: None,
            ca: None,
            ack_wait: Duration::from_secs(2),
            patience: Duration::from_secs(15),
            lease: Duration::from_secs(30),
            duplicate_window: Duration::from_mins(2),
            commands_bytes: 256 << 20,
            output_bytes: 1 << 30,
        }
    }

    /// The same under another name in the server's connection list.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// A connection to a server and streams that were found fit. Its ports share it; so do clones.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Link>);

/// Connects, checks the server, and makes or checks the four streams.
///
/// A server that cannot be reached is tried for [`Options::patience`], so that processes may start in any order.
pub async fn connect(options: Options) -> Result<Connection, JournalError> {
    let link = Link::open(options).await?;
    streams::ensure(&link).await?;
    Ok(Connection(link))
}

impl Connection {
    /// The event log.
    pub fn journal(&self) -> JetStreamJournal {
        JetStreamJournal::new(self.0.clone())
    }

    /// The command queue.
    pub fn queue(&self) -> JetStreamQueue {
        JetStreamQueue::new(self.0.clone())
    }

    /// The output of processes.
    pub fn output(&self) -> JetStreamOutput {
        JetStreamOutput::new(self.0.clone())
    }

    /// The feeds of the event log.
    pub fn feeds(&self) -> JetStreamFeeds {
        JetStreamFeeds::new(self.0.clone())
    }

    /// The leases of hosts.
    pub fn leases(&self) -> JetStreamLeases {
        JetStreamLeases::new(self.0.clone())
    }

    /// The event log as it is stored.
    pub fn backup(&self) -> Backup {
        Backup::new(self.0.clone())
    }

    /// The NATS client below, for what is no part of the ports.
    pub fn client(&self) -> async_nats::Client {
        self.0.client.clone()
    }

    /// Sends what is buffered and closes, within [`Options::ack_wait`]. For the end of a process: who still reads from a
    /// port waits for a connection that does not come back.
    pub async fn close(self) {
        let drained = async {
            self.0.client.flush().await.map_err(|e| e.to_string())?;
            self.0.client.drain().await.map_err(|e| e.to_string())
        };
        match tokio::time::timeout(self.0.options.ack_wait, drained).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "the connection to NATS did not close in order"),
            Err(_) => tracing::warn!("the connection to NATS did not close in time"),
        }
    }
}
