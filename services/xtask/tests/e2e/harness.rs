//! A stack for one test, and the leak check after it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use xtask::leaks::{self, Inventory, Scope};
use xtask::stack::{Binaries, Parts, Ports, Stack, StateFolder, Terms};
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

/// The same with other parts.
pub(crate) async fn with_parts(parts: Parts, work: impl AsyncFnOnce(&Stack) -> Result<()>) -> Result<()> {
    let state = StateFolder::temporary("e2e")?;
    let scope = Scope::of(&state);
    let never = CancellationToken::new();
    let result = Stack::with(parts, Ports::free()?, state, &never, work).await;
    let left = leaks::left_since(&Inventory::default(), &scope).await?;
    result?;
    assert!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}
