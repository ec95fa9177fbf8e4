//! The log: whether a host could use the nats-server that it would be given.

use std::time::{Duration, Instant};

use roost_journal::jetstream::{Access, connect};
use roost_journal::port::Journal;

use super::finding::Finding;

const CHECK: &str = "log";
/// How long connecting may take, with all its tries.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a command waits for several times.
const SLOW: Duration = Duration::from_millis(50);

/// Connects to `url` as a daemon does, and asks for the log's end.
pub(super) async fn check(url: &str, access: &Access) -> Finding {
    let answered = tokio::time::timeout(PATIENCE, ask(url, access)).await;
    match answered {
        Err(_) => Finding::fail(
            CHECK,
            format!("{url} does not answer within {PATIENCE:?}"),
            "start nats-server with Roost's nats.conf, or name another with --nats",
        ),
        Ok(Err(error)) => Finding::fail(
            CHECK,
            format!("{url}: {error:#}"),
            "check its address, --nats-nkey and --nats-ca; `roost nats creds` writes credentials",
        ),
        Ok(Ok((head, took))) if took > SLOW => Finding::warn(
            CHECK,
            format!("{head} commits at {url}, told after {took:.0?}"),
            "put the server nearer: every command waits for it several times",
        ),
        Ok(Ok((head, took))) => Finding::ok(CHECK, format!("{head} commits at {url}, told after {took:.0?}")),
    }
}

/// The log's end, and how long it took to tell.
async fn ask(url: &str, access: &Access) -> anyhow::Result<(u64, Duration)> {
    let connection = connect(access.options(url)?.named("roost doctor")).await?;
    let journal = connection.journal();
    let began = Instant::now();
    let head = journal.head().await?;
    let took = began.elapsed();
    connection.close().await;
    Ok((head.0, took))
}
