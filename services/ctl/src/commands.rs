//! The commands, one file each.

mod completions;
mod cp;
mod create;
mod events;
mod exec;
mod fork;
mod get;
mod host;
mod key;
mod logs;
mod ls;
mod man;
mod many;
mod network;
mod pause;
mod ps;
mod resume;
mod rm;
mod shell;
mod snapshot;
mod template;
mod tenant;
mod timeout;
mod up;
mod values;
mod webhook;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use completions::Completions;
pub(crate) use man::Man;
pub(crate) use up::Up;

use crate::remote::Session;

/// The commands that speak to a gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum Remote {
    #[command(display_order = 1)]
    Create(create::Create),
    #[command(display_order = 2)]
    Ls(ls::Ls),
    #[command(display_order = 3)]
    Get(get::Get),
    #[command(display_order = 4)]
    Exec(exec::Exec),
    #[command(display_order = 5)]
    Shell(shell::Shell),
    #[command(display_order = 6)]
    Cp(cp::Cp),
    #[command(display_order = 7)]
    Ps(ps::Ps),
    #[command(display_order = 8)]
    Logs(logs::Logs),
    #[command(display_order = 9)]
    Events(events::Events),
    #[command(display_order = 10)]
    Pause(pause::Pause),
    #[command(display_order = 11)]
    Resume(resume::Resume),
    #[command(display_order = 12)]
    Fork(fork::Fork),
    #[command(display_order = 13)]
    Timeout(timeout::Timeout),
    #[command(display_order = 14)]
    Network(network::Network),
    #[command(display_order = 15)]
    Rm(rm::Rm),
    /// Makes templates of sandboxes as they are
    #[command(subcommand, display_order = 20)]
    Snapshot(snapshot::Snapshot),
    /// Tells what sandboxes can start from
    #[command(subcommand, display_order = 21)]
    Template(template::Template),
    /// Tells of the machines that run sandboxes
    #[command(subcommand, display_order = 22)]
    Host(host::Host),
    /// Says who may use the API
    #[command(subcommand, display_order = 23)]
    Key(key::Key),
    /// Says who shares this Roost, and how much each may have
    #[command(subcommand, display_order = 24)]
    Tenant(tenant::Tenant),
    /// Has events posted to URLs
    #[command(subcommand, display_order = 25)]
    Webhook(webhook::Webhook),
}

impl Remote {
    /// Does what was asked.
    pub(crate) async fn run(self, session: &Session) -> Result<ExitCode> {
        match self {
            Self::Exec(exec) => return Ok(exec.run(session).await),
            Self::Shell(shell) => return Ok(shell.run(session).await),
            Self::Create(create) => create.run(session).await,
            Self::Ls(ls) => ls.run(session).await,
            Self::Get(get) => get.run(session).await,
            Self::Cp(cp) => cp.run(session).await,
            Self::Ps(ps) => ps.run(session).await,
            Self::Logs(logs) => logs.run(session).await,
            Self::Events(events) => events.run(session).await,
            Self::Pause(pause) => pause.run(session).await,
            Self::Resume(resume) => resume.run(session).await,
            Self::Fork(fork) => fork.run(session).await,
            Self::Timeout(timeout) => timeout.run(session).await,
            Self::Network(network) => network.run(session).await,
            Self::Rm(rm) => rm.run(session).await,
            Self::Snapshot(snapshot) => snapshot.run(session).await,
            Self::Template(template) => template.run(session).await,
            Self::Host(host) => host.run(session).await,
            Self::Key(key) => key.run(session).await,
            Self::Tenant(tenant) => tenant.run(session).await,
            Self::Webhook(webhook) => webhook.run(session).await,
        }
        .map(|()| ExitCode::SUCCESS)
    }
}
