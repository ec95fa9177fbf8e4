//! `roost exec`: a program in a sandbox.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use hyper::Method;
use roost_client::{PATIENCE, Refused};
use roost_schemas::SandboxId;
use serde_json::Value;

use super::values::{LASTING, Pair, Seconds};
use crate::exit::{self, NOT_STARTED, NOT_THE_PROGRAM};
use crate::output::{json, note};
use crate::program::{Finish, Follow, Keys, Raw, Size, Start, sizes, standard_input, told_to_end};
use crate::remote::Session;

/// Runs a program in a sandbox, shows what it writes, and ends as it does.
///
/// The program is run as it stands; for pipes and variables, run a shell: `roost exec ID -- sh -c 'ls | wc -l'`. It
/// outlives a broken connection, which is made again. Ctrl-C asks it to end, and leaves it when repeated.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The sandbox
    sandbox: SandboxId,
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal; `~.` at the beginning of a line leaves it to itself
    #[arg(short, long)]
    tty: bool,
    /// Print its id and leave it to itself; `roost logs` shows what it writes
    #[arg(short, long, conflicts_with_all = ["interactive", "tty"])]
    detach: bool,
    /// The folder to run it in
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
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) async fn run(self, session: &Session) -> ExitCode {
        let sandbox = self.sandbox.clone();
        let detach = self.detach;
        let start = self.start();
        let ran = if detach {
            background(session, &sandbox, &start).await
        } else if session.output.is_json() {
            whole(session, &sandbox, &start).await
        } else {
            followed(session, &sandbox, start).await
        };
        ran.unwrap_or_else(|error| not_the_program(&error))
    }

    fn start(self) -> Start {
        let mut words = self.command.into_iter();
        let cmd = words.next().unwrap_or_default();
        Start {
            cmd,
            args: words.collect(),
            cwd: self.cwd,
            env: self.env.into_iter().map(Pair::into).collect(),
            user: self.user,
            timeout_sec: self.timeout.0,
            stdin: self.interactive || self.tty,
            pty: self.tty.then(Size::now),
        }
    }
}

/// Starts the program and leaves.
async fn background(session: &Session, sandbox: &SandboxId, start: &Start) -> Result<ExitCode> {
    let answer = ask(session, sandbox, start, true).await?;
    session.output.print(&answer, |to| {
        writeln!(to, "{}", answer["process_id"].as_str().unwrap_or_default())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs it to its end and prints what came of it, as the gateway tells it.
async fn whole(session: &Session, sandbox: &SandboxId, start: &Start) -> Result<ExitCode> {
    if start.stdin {
        bail!(
            "a program whose end is told as JSON is given no input: leave --json, or --interactive and --tty, out"
        );
    }
    let answer = ask(session, sandbox, start, false).await?;
    json(&answer)?;
    let code = answer["exit_code"].as_i64();
    Ok(exit_code(
        code.context("the gateway does not tell the exit code")?,
    ))
}

async fn ask(session: &Session, sandbox: &SandboxId, start: &Start, background: bool) -> Result<Value> {
    let mut body = serde_json::to_value(start)?;
    body["background"] = background.into();
    // The gateway answers when the program has ended.
    let patience = Duration::from_secs(start.timeout_sec) + PATIENCE;
    let api = session.api.clone().with_patience(patience);
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    api.send(Method::POST, &path, &body).await?.accepted()?.json()
}

/// Runs it before the user.
pub(super) async fn followed(session: &Session, sandbox: &SandboxId, start: Start) -> Result<ExitCode> {
    let (is_given_input, tty) = (start.stdin, start.pty.is_some());
    // Set back before anything else is said.
    let raw = tty.then(Raw::enter).transpose()?;
    let mut follow = Follow::start(session, sandbox, start);
    if is_given_input {
        let keys = if tty { Keys::LineBegins } else { Keys::Plain };
        follow = follow.with_input(standard_input(keys));
    }
    follow = if tty {
        follow.with_sizes(sizes()?)
    } else {
        follow.with_interrupts()?
    };
    let finish = tokio::select! {
        finish = follow.run() => finish,
        told = told_to_end(), if tty => return Ok(ExitCode::from(told?)),
    };
    drop(raw);
    match finish? {
        Finish::Exit(code) => Ok(exit_code(code.into())),
        Finish::Left | Finish::Quiet => {
            note(match follow.process() {
                Some(process) => format!("\n{process} goes on; `roost logs -f {sandbox} {process}` shows it"),
                None => "\nit goes on, if it was started; `roost ps` lists what runs".to_owned(),
            });
            Ok(ExitCode::SUCCESS)
        }
        // As shells tell of what Ctrl-C ended.
        Finish::Interrupted => Ok(ExitCode::from(130)),
    }
}

/// The exit code of a program as one of ours.
fn exit_code(code: i64) -> ExitCode {
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(NOT_THE_PROGRAM))
}

/// Keeps a failure of ours apart from one of the program's.
pub(super) fn not_the_program(error: &anyhow::Error) -> ExitCode {
    let refused = error.downcast_ref::<Refused>();
    let not_started = refused.is_some_and(|refused| refused.code.as_deref() == Some("command_not_started"));
    exit::tell_as(error, if not_started { NOT_STARTED } else { NOT_THE_PROGRAM })
}
