//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{ColorChoice, Parser, Subcommand};
use roost_stack::supervise::watchdog;

use crate::commands::{self, Remote};
use crate::output::Output;
use crate::remote::Target;
use crate::{doctor, exit, log, nats, output};

/// Runs untrusted code in microVM sandboxes on your own machines.
#[derive(Debug, Parser)]
#[command(name = "roost", version, after_help = exit::HELP)]
pub(crate) struct Cli {
    /// Print JSON instead of text
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Whether to use colours; `NO_COLOR` is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto, display_order = 901)]
    color: ColorChoice,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(display_order = 0)]
    Up(commands::Up),
    #[command(flatten)]
    Remote(Remote),
    /// Checks, saves and brings back the event log
    #[command(subcommand, display_order = 50)]
    Log(log::Log),
    /// Makes credentials and documents for clients of NATS
    #[command(subcommand, display_order = 51)]
    Nats(nats::Nats),
    #[command(display_order = 52)]
    Doctor(doctor::Doctor),
    #[command(display_order = 60)]
    Completions(commands::Completions),
    #[command(display_order = 61)]
    Man(commands::Man),
    /// Cleans up after a killed `up`; started by `up` itself.
    #[command(hide = true)]
    Watchdog,
}

impl Cli {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        output::colours(self.color);
        let done = |()| ExitCode::SUCCESS;
        match self.command {
            Command::Up(up) => {
                let output = Output::new(self.json);
                up.run(self.target.into_key(), output).await.map(done)
            }
            Command::Remote(command) => {
                let session = self.target.session(self.json)?;
                command.run(&session).await
            }
            Command::Log(command) => {
                let output = Output::new(self.json);
                log::run(command, &self.target, output).await.map(done)
            }
            Command::Nats(command) => nats::run(&command, Output::new(self.json)).map(done),
            Command::Doctor(doctor) => doctor.run(self.json).await,
            Command::Completions(completions) => completions.run().map(done),
            Command::Man(man) => man.run().map(done),
            Command::Watchdog => watchdog::run(std::io::stdin().lock()).map(done),
        }
    }
}

#[cfg(test)]
mod documented;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_has_an_option_that_all_have() {
        let mut cli = Cli::command();
        cli.build();
        let all: Vec<_> = Cli::command()
            .get_arguments()
            .map(|arg| arg.get_id().clone())
            .collect();
        let mut commands: Vec<_> = cli.get_subcommands().collect();
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            let own = command.get_arguments().filter(|arg| !arg.is_global_set());
            let twice: Vec<_> = own.filter(|arg| all.contains(arg.get_id())).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", command.get_name());
        }
    }
}
