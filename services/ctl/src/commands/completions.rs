//! `roost completions`: what a shell has to know to complete our command line.

use std::io::Write;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints a script for a shell to source.
///
/// For instance `roost completions bash > /etc/bash_completion.d/roost`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "roost", &mut script);
        std::io::stdout().lock().write_all(&script)?;
        Ok(())
    }
}
