//! The data plane: bulk data and calls through gateway and edge, against the same made straight to the guest.
//!
//! ```text
//!   upload, download   curl ─▶ gateway ─▶ edge ─▶ agent's /files      curl ─▶ a static file server in the guest
//!   exec               client ─▶ gateway ─▶ edge ─▶ agent             client ─▶ agent
//! ```
//!
//! Both sides of a comparison take turns in one sandbox, so that a change of the machine's load meets both.

mod calls;
mod guest;
mod transfers;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::stack::{Ports, Stack, StateFolder};
use crate::{prepare, ui};
use guest::Guest;

/// The template: it brings Python, which serves files for the comparison.
const TEMPLATE: &str = "base";
/// Seconds the sandbox may live.
const LIFETIME: u32 = 3600;

/// Measures with `rounds` transfers of `mib` each way.
pub(super) async fn run(rounds: u32, mib: u64, cancelled: &CancellationToken) -> Result<()> {
    let parts = prepare::parts(Profile::Release, cancelled).await?;
    let state = StateFolder::temporary("bench")?;
    let met = Stack::with(parts, Ports::free()?, state, cancelled, async |stack| {
        measure(stack, rounds, mib).await
    })
    .await?;
    ensure!(met, "bar missed");
    Ok(())
}

async fn measure(stack: &Stack, rounds: u32, mib: u64) -> Result<bool> {
    let api = stack.api();
    let request = json!({"template": TEMPLATE, "timeout_sec": LIFETIME});
    let sandbox = api.create(&request).await?.id;
    let guest = Guest::find(stack, &sandbox)?;
    ui::heading("Calls: `true`, from the request to its end");
    let calls = calls::measure(stack, &guest).await?;
    ui::heading(&format!("Transfers of {mib} MiB"));
    let transfers = transfers::measure(stack, &guest, rounds, mib).await?;
    api.kill(&sandbox).await?;
    Ok(calls && transfers)
}
