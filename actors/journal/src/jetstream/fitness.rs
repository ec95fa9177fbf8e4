//! Whether a server keeps what it acknowledges.
//!
//! Its version stands in the greeting. Whether it syncs before it acknowledges does not, and neither JetStream's own
//! API nor a stream's information tell. The server's `VARZ` does (`jetstream.config.sync_always`); it belongs to the
//! system account, so `nats.conf` exports exactly that one read-only request to ours. The question is addressed by
//! server id and goes through the connection that commits will use: no monitoring port, and no other server, can answer
//! in its place. A server that does not answer is refused like one that answers no.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{Client, ServerInfo};
use serde::Deserialize;
use tokio::time::Instant;

use crate::port::JournalError;

/// The oldest release with all that is relied on: batched direct gets, and `sync_interval: always` that also holds for
/// a replicated stream.
const OLDEST: (u64, u64) = (2, 15);

/// How long a server may be without the export before it is believed to have none.
const GRACE: Duration = Duration::from_secs(2);
/// The pause between questions meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

const CONF: &str = "start it with Roost's nats.conf";

/// Why a server is not trusted.
#[derive(Debug, Clone)]
pub(super) struct Unfit {
    pub(super) server: String,
    pub(super) reason: String,
    pub(super) remedy: String,
}

impl From<Unfit> for JournalError {
    fn from(
        Unfit {
            server,
            reason,
            remedy,
        }: Unfit,
    ) -> Self {
        Self::Unfit {
            server,
            reason,
            remedy,
        }
    }
}

/// What the check found when it found no fit server.
#[derive(Debug)]
pub(super) enum Doubt {
    /// It must not be used.
    Unfit(Unfit),
    /// It could not be asked just now.
    Unknown(String),
}

/// Checks the server that `client` is connected to, giving it `patience` to answer.
pub(super) async fn check(client: &Client, server: &str, patience: Duration) -> Result<(), Doubt> {
    let unfit = |reason: String, remedy: String| {
        Doubt::Unfit(Unfit {
            server: server.to_owned(),
            reason,
            remedy,
        })
    };
    let info = client.server_info();
    match version(&info) {
        Some(found) if found >= OLDEST => {}
        _ => {
            let (major, minor) = OLDEST;
            let reason = format!(
                "it is version {:?}, but {major}.{minor} or later is needed",
                info.version
            );
            return Err(unfit(
                reason,
                format!("install nats-server {major}.{minor} or later"),
            ));
        }
    }
    if !info.jetstream {
        return Err(unfit("JetStream is not enabled".to_owned(), CONF.to_owned()));
    }
    match syncs(client, patience).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let reason = "it acknowledges messages before they are on disk".to_owned();
            Err(unfit(
                reason,
                format!("set `sync_interval: always` in its jetstream block, or {CONF}"),
            ))
        }
        Err(Silence::NotExported) => {
            let reason = "it does not tell this account whether it syncs before it acknowledges".to_owned();
            let remedy = format!("export $SYS.REQ.SERVER.*.VARZ from the system account, or {CONF}");
            Err(unfit(reason, remedy))
        }
        Err(Silence::Lost(detail)) => Err(Doubt::Unknown(detail)),
    }
}

fn version(info: &ServerInfo) -> Option<(u64, u64)> {
    let mut parts = info.version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Why there was no answer about syncing.
enum Silence {
    NotExported,
    Lost(String),
}

/// The part of `VARZ` that matters.
#[derive(Deserialize)]
struct Varz {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: Config,
}

#[derive(Default, Deserialize)]
struct Config {
    /// The server leaves it out when it is false.
    #[serde(default)]
    sync_always: bool,
}

/// Asks until somebody listens: a server that has just come back has not yet put its exports in place, or the client
/// does not know its new id yet.
async fn syncs(client: &Client, patience: Duration) -> Result<bool, Silence> {
    let deadline = Instant::now() + GRACE;
    loop {
        match ask(client, patience).await {
            Err(Silence::NotExported) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            answered => return answered,
        }
    }
}

async fn ask(client: &Client, patience: Duration) -> Result<bool, Silence> {
    let subject = format!("$SYS.REQ.SERVER.{}.VARZ", client.server_info().server_id);
    let answer = client
        .send_request(subject, Request::new().timeout(Some(patience)))
        .await;
    let message = answer.map_err(|error| match error.kind() {
        RequestErrorKind::NoResponders => Silence::NotExported,
        _ => Silence::Lost(format!("asked for its settings: {error}")),
    })?;
    let varz: Varz = serde_json::from_slice(&message.payload)
        .map_err(|error| Silence::Lost(format!("its settings are not readable: {error}")))?;
    Ok(varz.data.jetstream.config.sync_always)
}
