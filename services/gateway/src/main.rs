//! `roost-gateway`: the HTTP API as a process of its own.

mod descriptors;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use roost_gateway::auth::ApiKey;
use roost_gateway::{Gateway, Limits, Ports, answer_reads, front, router, serve};
use roost_journal::jetstream::{self, Access, Connection};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::token::TokenKey;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The variable that holds the API key: arguments are seen by everyone on the machine.
const KEY: &str = "ROOST_API_KEY";
/// How often the log's replay is looked at before the gateway calls itself ready.
const REPLAY_LOOK: Duration = Duration::from_secs(5);

/// Serves Roost's HTTP API. Needs `ROOST_API_KEY` and `ROOST_TOKEN_KEY` in its environment.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The nats-server, such as `nats://127.0.0.1:4222`.
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    access: Access,
    /// The folder for this gateway's checkpoint; it may be deleted while the gateway is down.
    #[arg(long)]
    state: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The domain of sandboxes' ports, which are reached as `<port>-<sandbox>.<domain>`; it may name a port. Without it,
    /// localhost with the port listened on.
    #[arg(long)]
    domain: Option<String>,
    #[command(flatten)]
    telemetry: roost_telemetry::Options,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    roost_telemetry::start("roost-gateway", &args.telemetry).await?;
    run(args).await
}

async fn run(args: Args) -> anyhow::Result<()> {
    let Ok(key) = std::env::var(KEY) else {
        bail!("{KEY} is not set (or not UTF-8): set it to the key that clients are to send");
    };
    let key = ApiKey::new(&key)?;
    let Ok(tokens) = std::env::var(TokenKey::VARIABLE) else {
        bail!(
            "{} is not set (or not UTF-8): set it to the key that the hosts were given",
            TokenKey::VARIABLE
        );
    };
    let tokens: TokenKey = tokens.parse()?;
    let nats = args.access.options(&args.nats)?.named("roost-gateway");
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: choose another --listen, or port 0 for a free one",
            args.listen
        )
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let mut stop = Box::pin(stopped()?);

    let started = async {
        let connection = jetstream::connect(nats).await?;
        let fleet = follow(&connection, &args.state).await?;
        anyhow::Ok((connection, fleet))
    };
    let (connection, fleet) = tokio::select! {
        started = started => started?,
        () = &mut stop => return Ok(()),
    };
    let ports = Ports {
        journal: Arc::new(connection.journal()),
        queue: Arc::new(connection.queue()),
        output: Arc::new(connection.output()),
        fleet: fleet.clone(),
    };
    let domain = args
        .domain
        .unwrap_or_else(|| format!("localhost:{}", address.port()));
    let limits = descriptors::fit(&Limits::default());
    let announcing = tokio::spawn(announce(ports.clone(), address));
    let told = (fleet.clone(), Arc::clone(&ports.journal));
    let telling = tokio::spawn(async move { told.0.tell_lag(&*told.1).await });
    let gateway = Gateway::new(ports, key, tokens, domain, limits.clone());
    let reading = tokio::spawn(answer_reads(gateway.clone(), connection.client()));
    let streams = gateway.clone();
    let stop = async move {
        stop.await;
        streams.close_streams();
    };
    let api = router(gateway.clone());
    serve(listener, front(gateway, api), stop, limits).await;
    announcing.abort();
    reading.abort();
    telling.abort();
    fleet.stop().await;
    connection.close().await;
    Ok(())
}

/// Restores the fleet from the state folder and lets it follow the log.
async fn follow(connection: &Connection, state: &std::path::Path) -> anyhow::Result<FleetHandle> {
    tokio::fs::create_dir_all(state).await.with_context(|| {
        format!(
            "cannot make the state folder {}: choose another --state",
            state.display()
        )
    })?;
    Ok(FleetHandle::open(Arc::new(connection.journal()), state).await?)
}

/// Says `ready` once reads show the log as it was at the start. Until then requests are answered 503.
async fn announce(ports: Ports, address: SocketAddr) {
    loop {
        match ports.journal.head().await {
            Ok(head) if ports.fleet.wait_for(head, REPLAY_LOOK).await => break,
            Ok(head) => tracing::info!(applied = %ports.fleet.applied(), %head, "reading the log"),
            Err(error) => tracing::warn!(%error, "not ready yet"),
        }
        if let Some(alarm) = ports.fleet.alarm() {
            tracing::error!(%alarm, "the log cannot be read; every request is answered 503 until this is mended");
            return;
        }
    }
    println!("ready http://{address}");
}

/// Done at SIGTERM or SIGINT.
fn stopped() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
