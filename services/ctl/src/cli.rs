//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{ColorChoice, Parser, Subcommand};

use crate::commands::{self, Remote};
use crate::output::Output;
use crate::remote::Target;
use crate::{doctor, exit, log, nats, output};

/// Runs untrusted code in microVM sandboxes on your own machines.
#[derive(Debug, Parser)]
#[command(name = "roost", version, propagate_version = true, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    target: Target,
    /// Print JSON instead of text
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Whether to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto, display_order = 901)]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the whole of Roost running on this machine
    #[command(display_order = 0)]
    Up(commands::Up),
    #[command(flatten)]
    Remote(Remote),
    /// Check, save and bring back the event log
    #[command(subcommand, display_order = 50)]
    Log(log::Log),
    /// Make credentials and documents for clients of NATS
    #[command(subcommand, display_order = 51)]
    Nats(nats::Nats),
    /// Check whether this machine can be a host, and say how to mend what is missing
    #[command(display_order = 52)]
    Doctor(doctor::Doctor),
    /// Print a shell's completions
    #[command(display_order = 60)]
    Completions(commands::Completions),
    /// Print the manual, or write its pages into a folder
    #[command(display_order = 61)]
    Man(commands::Man),
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
            Command::Log(command) => log::run(command).await.map(done),
            Command::Nats(command) => nats::run(command).await.map(done),
            Command::Doctor(doctor) => doctor.run(self.json).await,
            Command::Completions(completions) => completions.run().map(done),
            Command::Man(man) => man.run().map(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
