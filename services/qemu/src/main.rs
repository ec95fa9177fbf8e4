//! The `roost-qemu` command.

use anyhow::{Context, Result};
use clap::Parser;
use roost_qemu::{
    bound::exec_bound,
    cli::{Cli, Instead},
    files,
    http::{ApiSocket, serve},
    machine::Machine,
    qemu::Host,
    shell::Engine,
    version,
};
use std::sync::Arc;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::Mutex,
};

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Instead::ExecBound { parent, command }) = &cli.instead {
        return exec_bound(*parent, command);
    }
    if cli.version {
        println!("roost-qemu {}", version::ask(&cli.qemu)?);
        return Ok(());
    }
    if cli.files {
        for path in files::needed(&cli.qemu)? {
            println!("{}", path.display());
        }
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    // One thread: QEMU is bound to the thread that spawned it, and that must be one that never ends before us.
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(run(cli))
}

async fn run(cli: Cli) -> Result<()> {
    let path = cli.api_sock.context("--api-sock is required")?;
    let (engine, end) = Engine::new(Machine::new(cli.id), Host::new(cli.qemu, cli.ram_dir));
    let (_socket, listener) = ApiSocket::bind(&path)?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    tokio::select! {
        never = serve(listener, Arc::new(Mutex::new(engine))) => match never {},
        outcome = end.wait() => outcome,
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot watch for SIGINT"),
    }
}
