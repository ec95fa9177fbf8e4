//! E2B's published SDKs, unmodified, told only where Roost is: each runs its programs against a stack of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use xtask::process::{self, Stream};
use xtask::setup::node;
use xtask::stack::Stack;

use crate::harness::with_stack;
use crate::install;

/// How long a program may take: an emulated guest is slow, and hashing its large files slower.
const PROGRAM_WITHIN: Duration = Duration::from_mins(5);
/// The programs, in this folder's `programs`.
const PYTHON: [&str; 6] = [
    "lifecycle.py",
    "sleep.py",
    "commands.py",
    "files.py",
    "ports.py",
    "asynchronous.py",
];
const JAVASCRIPT: [&str; 5] = [
    "lifecycle.mjs",
    "sleep.mjs",
    "commands.mjs",
    "files.mjs",
    "ports.mjs",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_works() -> Result<()> {
    python("2.63.0").await
}

/// The last one that speaks the first version of the routes.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_of_before_works() -> Result<()> {
    python("2.45.1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_works() -> Result<()> {
    let node = node::ensure().await?;
    let installed = install::javascript(&node, "2.51.0").await?;
    // A module's imports are looked for beside it, so programs and packages have to share a folder.
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(programs())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            fs::copy(
                &path,
                folder.path().join(path.file_name().context("a file has a name")?),
            )?;
        }
    }
    std::os::unix::fs::symlink(installed.join("node_modules"), folder.path().join("node_modules"))?;
    with_stack(async |stack| {
        for program in JAVASCRIPT {
            let mut command = node.command();
            command.arg(folder.path().join(program));
            drive(stack, command, program).await?;
        }
        nothing_lives(stack).await
    })
    .await
}

async fn python(version: &str) -> Result<()> {
    let installed = install::python(version).await?;
    with_stack(async |stack| {
        for program in PYTHON {
            let mut command = Command::new("python3");
            // No compiled files beside the programs.
            command
                .arg("-B")
                .arg(programs().join(program))
                .env("PYTHONPATH", &installed);
            drive(stack, command, program).await?;
        }
        nothing_lives(stack).await
    })
    .await
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/sdk/programs")
}

/// Runs one program, showing what it says it drove.
async fn drive(stack: &Stack, mut command: Command, program: &str) -> Result<()> {
    let url = format!("http://{}", stack.gateway());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("E2B_") {
            command.env_remove(name);
        }
    }
    command
        .env("E2B_API_URL", &url)
        .env("E2B_SANDBOX_URL", &url)
        .env("E2B_API_KEY", stack.state().api_key());
    let mut drove = 0;
    let run = process::run_lines(&mut command, Stream::Out, |line| {
        println!("{program}: {line}");
        drove += usize::from(line.starts_with("drove "));
    });
    let status = tokio::time::timeout(PROGRAM_WITHIN, run)
        .await
        .with_context(|| format!("{program} does not end"))??;
    ensure!(status.success(), "{program} failed ({status})");
    ensure!(drove > 0, "{program} drove nothing");
    Ok(())
}

async fn nothing_lives(stack: &Stack) -> Result<()> {
    let left = stack.api().list().await?;
    ensure!(left.is_empty(), "the programs left sandboxes: {left:?}");
    Ok(())
}
