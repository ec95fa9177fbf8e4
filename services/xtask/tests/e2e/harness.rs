//! A stack for one test, and the leak check after it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio_util::sync::CancellationToken;
use xtask::leaks::{self, Inventory, Scope};
use xtask::stack::{Binaries, Parts, Ports, Stack, StateFolder, Terms};
use xtask::supervise::Role;
use xtask::{images, setup};

/// Everything a stack is made of, built and cached by now.
pub(crate) async fn parts() -> Result<Parts> {
    setup::require_root()?;
    let test = std::env::current_exe().context("cannot tell where this test is")?;
    // target/<profile>/deps/<this test>
    let folder = test
        .ancestors()
        .nth(2)
        .context("a test lies in the target folder")?;
    Ok(Parts {
        binaries: Binaries::in_folder(folder)?,
        nats_server: setup::nats_server::ensure().await?,
        images: images::ensure().await?,
        tool: PathBuf::from(env!("CARGO_BIN_EXE_xtask")),
        host_env: Vec::new(),
        webhooks: Terms::default(),
    })
}

/// Lets `work` use a fresh stack, takes it down, and fails if it left anything on the machine.
pub(crate) async fn with_stack(work: impl AsyncFnOnce(&Stack) -> Result<()>) -> Result<()> {
    with_parts(parts().await?, work).await
}

/// Fails if nats-server denied a process of Roost anything. Most of it comes right by itself, only late: what is asked for
/// when a connection is a new one, for example, is waited for until that is over.
fn nobody_of_ours_was_denied(stack: &Stack) -> Result<()> {
    let log = std::fs::read_to_string(stack.state().log(Role::Log))?;
    let denied: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" Violation - Subject ") && line.contains(":rust:roost-"))
        // Whoever finds no streams tries to make them, and then waits for one who may.
        .filter(|line| {
            !line.contains("\"$JS.API.STREAM.CREATE.") && !line.contains("\"$JS.API.STREAM.UPDATE.")
        })
        .collect();
    ensure!(
        denied.is_empty(),
        "processes of Roost were denied:\n{}",
        denied.join("\n")
    );
    Ok(())
}

/// The same with other parts.
pub(crate) async fn with_parts(parts: Parts, work: impl AsyncFnOnce(&Stack) -> Result<()>) -> Result<()> {
    let state = StateFolder::temporary("e2e")?;
    let scope = Scope::of(&state);
    let never = CancellationToken::new();
    let result = Stack::with(parts, Ports::free()?, state, &never, async |stack| {
        work(stack).await?;
        nobody_of_ours_was_denied(stack)
    })
    .await;
    let left = leaks::left_since(&Inventory::default(), &scope).await?;
    result?;
    assert!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}
