//! The log: whether a host could use the nats-server that it would be given, and whether both have the same time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_nats::client::Request;
use jiff::Timestamp;
use roost_journal::jetstream::{Access, Connection, connect};
use roost_journal::port::Journal;
use serde::Deserialize;

use super::clock;
use super::finding::Finding;

const CHECK: &str = "log";
/// How long connecting may take, with all its tries.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a command waits for several times.
const SLOW: Duration = Duration::from_millis(50);

/// Connects to `url` as a daemon does, and asks for the log's end and for the time.
pub(super) async fn check(url: &str, access: &Access) -> Vec<Finding> {
    let failed = |found: String, remedy: &str| vec![Finding::fail(CHECK, found, remedy)];
    match tokio::time::timeout(PATIENCE, ask(url, access)).await {
        Err(_) => failed(
            format!("{url} does not answer within {PATIENCE:?}"),
            "start nats-server with Roost's nats.conf, or name another with --nats",
        ),
        Ok(Err(error)) => failed(
            format!("{url}: {error:#}"),
            "check its address, --nats-nkey and --nats-ca; `roost nats creds` writes credentials",
        ),
        Ok(Ok(answer)) => vec![answer.log(url), answer.clock],
    }
}

/// What the server told.
struct Answer {
    /// The log's last sequence.
    head: u64,
    /// How long it took to tell.
    took: Duration,
    clock: Finding,
}

impl Answer {
    fn log(&self, url: &str) -> Finding {
        let Self { head, took, .. } = self;
        let found = format!("{head} commits at {url}, told after {took:.0?}");
        if *took > SLOW {
            let remedy = "put the server nearer: every command waits for it several times";
            return Finding::warn(CHECK, found, remedy);
        }
        Finding::ok(CHECK, found)
    }
}

async fn ask(url: &str, access: &Access) -> Result<Answer> {
    let connection = connect(access.options(url)?.named("roost doctor")).await?;
    let journal = connection.journal();
    let began = Instant::now();
    let head = journal.head().await?.0;
    let took = began.elapsed();
    let asked = Timestamp::now();
    let clock = match time(&connection).await {
        Ok(theirs) => clock::agrees(theirs, asked, Timestamp::now()),
        Err(reason) => clock::unknown(format_args!("{reason:#}")),
    };
    connection.close().await;
    Ok(Answer { head, took, clock })
}

/// What time it is there, by the one question of the system account that `nats.conf` lets every process of Roost ask.
async fn time(connection: &Connection) -> Result<Timestamp> {
    #[derive(Deserialize)]
    struct Varz {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        now: String,
    }
    let client = connection.client();
    let subject = format!("$SYS.REQ.SERVER.{}.VARZ", client.server_info().server_id);
    let request = Request::new().timeout(Some(PATIENCE / 5));
    let answer = client.send_request(subject, request).await?;
    let varz: Varz = serde_json::from_slice(&answer.payload).context("not what nats-server answers")?;
    Ok(varz.data.now.parse()?)
}
