//! `cargo xtask chaos`: real sandboxes under a seeded load, while everything that runs is killed and stopped at random.
//!
//! ```text
//!   clients ── creates, execs, pauses, forks, kills, … by HTTP and by NATS ──┐   each writes down what it was told
//!   faults  ── kill -9, SIGSTOP: host, gateway, reconciler, nats-server, … ──┤   each written down as well
//!   webhook ── is told everything, on a target that is not always willing ───┤
//!   watch   ── never two VMs of one sandbox that run ────────────────────────┤
//!                                                                            ▼
//!                        rest ── everything lives again and comes to an end of what it is at
//!                                                                            ▼
//!   invariants ── the log against itself, the notebook, the machine, the gateway;   then all is ended: leaks
//! ```
//!
//! A seed fixes what is asked and what is killed, not how the machine interleaves it: a replay is likely to meet the same
//! fault again, not certain to.

mod client;
mod faults;
mod finish;
mod history;
mod hook;
mod invariants;
mod notebook;
mod report;
mod rest;
mod stopped;
mod vms;
mod watch;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use futures::future::try_join_all;
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::chance::Chance;
use crate::leaks::{self, Inventory, Scope};
use crate::stack::{Parts, Ports, Stack, StateFolder};
use crate::supervise::Role;
use crate::{nats, prepare, ui};

use client::Client;
use faults::Faults;
use hook::Hook;
use notebook::Notebook;
use report::Report;
use vms::Vms;

/// What `chaos` may be told.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Options {
    /// For how long things are asked for and killed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub minutes: u64,
    /// What is asked and what is killed. Default: another one each time.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// The processes of a stack.
const PROCESSES: [Role; 5] = [
    Role::Log,
    Role::Host,
    Role::Reconciler,
    Role::Webhooks,
    Role::Gateway,
];
/// Clients at the same time: few, because two cores that emulate run few VMs.
const CLIENTS: usize = 3;

/// Prepares everything, and runs one round.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    let parts = prepare::parts(Profile::Dev, cancelled).await?;
    round(parts, options, cancelled).await
}

/// One round on a fresh stack: prints what was done and what was found, and fails if that is anything.
pub async fn round(mut parts: Parts, options: Options, cancelled: &CancellationToken) -> Result<()> {
    let seed = match options.seed {
        Some(seed) => seed,
        None => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
    };
    let minutes = options.minutes;
    ui::heading(&format!("Chaos for {minutes} minutes with seed {seed}"));
    let state = StateFolder::temporary("chaos")?;
    let scope = Scope::of(&state);
    let mut report = Report::new(seed, minutes);
    parts.webhooks = Hook::terms();
    let work = async |stack: &Stack| chaos(stack, seed, minutes, &mut report).await;
    let ended = Stack::with(parts, Ports::free()?, state, cancelled, work).await;
    report.left(leaks::left_since(&Inventory::default(), &scope).await?);
    if let Err(error) = ended {
        bail!("{error:#}\n{}", report.replay());
    }
    report.print();
    report.verdict()
}

async fn chaos(stack: &Stack, seed: u64, minutes: u64, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let nats = nats::operator(stack).await?;
    let chance = Chance::new(seed);
    let notebook = Notebook::default();
    let until = began + Duration::from_secs(minutes * 60);

    let hook = Hook::make(stack, chance.part("webhook")).await?;
    let mut faults = Faults::new(stack, notebook.clone(), chance.part("faults"));
    let clients = (0..CLIENTS).map(|number| {
        let chance = chance.part(&format!("client {number}"));
        Client::new(number, stack.api(), nats.queue(), notebook.clone(), chance)
    });
    let clients = try_join_all(clients.map(|client| client.run(until)));
    let vms = Vms::of(stack);
    let (clients, tormented, ()) = tokio::join!(
        clients,
        faults.torment(until),
        watch::one_vm_each(&vms, &notebook, until),
    );
    let mut clients = clients?;
    report.faults(tormented?);

    ui::detail("everybody lives again; waiting for rest");
    rest::ready(stack).await?;
    let settled = rest::settled(stack, &nats, &notebook).await?;
    invariants::machine::check(&settled, &vms, &notebook);
    invariants::gateway::check(&settled, &stack.api(), &notebook).await?;
    finish::books(&mut clients, &notebook).await;
    finish::end_all(stack, &nats, &notebook).await?;

    let history = hook.until_told(&nats).await?;
    invariants::of_log(&history, &notebook);
    invariants::told::check(&history, &hook.arrivals(), &notebook);
    report.findings(&history, &hook, &notebook);
    if report.failed() {
        report.keep_logs(stack)?;
    }
    nats.close().await;
    Ok(())
}
