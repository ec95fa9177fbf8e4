//! The command line: Firecracker's, as far as it applies, and what QEMU needs.

use crate::bound::EXEC_BOUND;
use clap::{Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf};

/// Firecracker's HTTP API in front of QEMU.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// Unix socket to serve the API on; must not exist.
    #[arg(long, required_unless_present_any = ["version", "files"])]
    pub api_sock: Option<PathBuf>,
    /// Identifier of the machine: 1 to 64 letters, digits and hyphens.
    #[arg(long, default_value = "anonymous-instance", value_parser = parse_id)]
    pub id: String,
    /// QEMU's program.
    #[arg(long, default_value = "qemu-system-x86_64")]
    pub qemu: PathBuf,
    /// Directory of a tmpfs that holds the guest's memory.
    #[arg(long, default_value = "/dev/shm")]
    pub ram_dir: PathBuf,
    /// Print our version and QEMU's, which together say which snapshots fit.
    #[arg(short = 'V', long)]
    pub version: bool,
    /// Print the files and folders that must be there for this engine and QEMU, one a line: what a jail has to show it.
    #[arg(long)]
    pub files: bool,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub instead: Option<Instead>,
}

/// Internal ways to be called.
#[derive(Debug, Subcommand)]
pub enum Instead {
    /// Become a program that dies with its parent.
    #[command(name = EXEC_BOUND, hide = true)]
    ExecBound {
        /// The parent's process id.
        parent: u32,
        /// Program and arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn parse_id(id: &str) -> Result<String, String> {
    let valid = (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if valid {
        Ok(id.to_owned())
    } else {
        Err("must be 1 to 64 letters, digits or hyphens".to_owned())
    }
}
