//! The main job from nothing: boot a real sandbox, run commands in it, show its log, leave nothing behind.

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::client::{Api, Output};
use crate::leaks::{self, Inventory, Kind, Scope};
use crate::stack::{Ports, Stack, StateFolder};
use crate::{prepare, ui};

mod history;

/// The commands that the demo runs: a program, its arguments, and the exit code it should have.
const COMMANDS: [(&str, &[&str], i32); 3] = [
    ("uname", &["-a"], 0),
    (
        "python3",
        &[
            "-c",
            "import sys; print('python', sys.version.split()[0], 'says', sum(range(101)))",
        ],
        0,
    ),
    ("sh", &["-c", "echo this goes to stderr >&2; exit 3"], 3),
];

/// Runs the demo.
pub async fn run(cancelled: &CancellationToken) -> Result<()> {
    let began = Instant::now();
    let parts = prepare::parts(Profile::Dev, cancelled).await?;
    let state = StateFolder::temporary("demo")?;
    let scope = Scope::of(&state);
    // The state folder is there already and is what must be gone, so "before" is an empty machine.
    let before = Inventory::default();

    ui::heading("Roost");
    let started = Instant::now();
    Stack::with(parts, Ports::free()?, state, cancelled, async |stack| {
        ui::detail(format!(
            "nats-server, host, reconciler and gateway are up after {}",
            ui::seconds(started.elapsed())
        ));
        ui::detail(format!(
            "gateway http://{}, log {}",
            stack.gateway(),
            stack.nats_url()
        ));
        show(stack).await
    })
    .await?;

    ui::heading("Left behind");
    let left = leaks::left_since(&before, &scope).await?;
    let now = Inventory::take(&scope)?;
    for kind in Kind::ALL {
        ui::detail(format!("{:<20} {}", kind.plural(), now.count(kind)));
    }
    if !left.is_empty() {
        let list: Vec<String> = left.iter().map(ToString::to_string).collect();
        bail!("the demo left something behind:\n{}", list.join("\n"));
    }
    println!("\nDone in {}.", ui::seconds(began.elapsed()));
    Ok(())
}

async fn show(stack: &Stack) -> Result<()> {
    let api = stack.api();
    let sandbox = ui::step("create a sandbox from template base", async {
        api.create(&json!({"template": "base"})).await
    })
    .await?;
    ui::detail(format!("{} is {}", sandbox.id, sandbox.state));

    ui::heading("Commands");
    for (program, args, expected) in COMMANDS {
        run_one(&api, &sandbox.id, program, args, expected).await?;
    }
    ui::step("kill the sandbox", api.kill(&sandbox.id)).await?;

    ui::heading("Events of the sandbox, read back from the log");
    for line in history::of(stack, &sandbox.id).await? {
        ui::detail(line);
    }
    Ok(())
}

async fn run_one(api: &Api, sandbox: &str, program: &str, args: &[&str], expected: i32) -> Result<()> {
    println!("  $ {program} {}", args.join(" "));
    let output = api.exec(sandbox, &json!({"cmd": program, "args": args})).await?;
    let Output {
        stdout,
        stderr,
        exit_code,
        duration_ms,
        ..
    } = output;
    for (name, text) in [("stdout", &stdout), ("stderr", &stderr)] {
        text.lines()
            .for_each(|line| ui::detail(format!("{name}  {line}")));
    }
    ui::detail(format!("exit code {exit_code}, {duration_ms} ms"));
    if exit_code != expected {
        bail!("{program} ended with exit code {exit_code}, expected {expected}");
    }
    Ok(())
}
