//! `roost man`: the manual, one page a command.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};

use crate::cli::Cli;

/// Prints the manual's first page, or writes all of them into a folder.
///
/// For instance `roost man --dir /usr/local/share/man/man1`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where to write the pages, one for each command; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<()> {
        let command = Cli::command();
        if let Some(folder) = &self.dir {
            let at = || folder.display().to_string();
            std::fs::create_dir_all(folder).with_context(at)?;
            return clap_mangen::generate_to(command, folder).with_context(at);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        std::io::stdout().lock().write_all(&page)?;
        Ok(())
    }
}
