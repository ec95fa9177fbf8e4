//! `roost shell`: a shell at a terminal of its own, in a sandbox.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use roost_schemas::SandboxId;

use super::exec::{followed, not_the_program};
use super::values::{LASTING, Pair, Seconds};
use crate::program::{Size, Start};
use crate::remote::Session;

/// Bash if the template has it, else what every template has.
const SHELL: &str = "command -v bash >/dev/null && exec bash -l; exec sh -l";

/// Opens a shell in a sandbox and ends as it does.
///
/// A broken connection is made again, and the shell is found as it was left. `~.` at the beginning of a line leaves it to
/// itself.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    /// The sandbox
    sandbox: SandboxId,
    /// The folder to begin in
    #[arg(short = 'w', long, value_name = "PATH")]
    cwd: Option<String>,
    /// A variable of its environment; can be given several times
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<Pair>,
    /// The user to run it as
    #[arg(short, long)]
    user: Option<String>,
    /// How long it may run
    #[arg(long, value_name = "TIME", default_value = LASTING)]
    timeout: Seconds,
}

impl Shell {
    pub(super) async fn run(self, session: &Session) -> ExitCode {
        let mut env: BTreeMap<_, _> = self.env.into_iter().map(Pair::into).collect();
        if let Ok(kind) = std::env::var("TERM") {
            env.entry("TERM".to_owned()).or_insert(kind);
        }
        let start = Start {
            cmd: "sh".to_owned(),
            args: vec!["-c".to_owned(), SHELL.to_owned()],
            cwd: self.cwd,
            env,
            user: self.user,
            timeout_sec: self.timeout.0,
            stdin: true,
            pty: Some(Size::now()),
        };
        let ran = followed(session, &self.sandbox, start).await;
        ran.unwrap_or_else(|error| not_the_program(&error))
    }
}
