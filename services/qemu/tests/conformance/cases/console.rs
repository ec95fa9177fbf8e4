//! What a hostile guest can do through its console.

use crate::{bench::Engine, guest::Behaviour};
use anyhow::{Result, ensure};
use roost_engine::api::InstanceState;
use std::time::Duration;

/// Kept of the console, in bytes. A guest under translation writes that in well under a second.
const BUDGET: usize = 4096;

pub(crate) async fn a_flood_is_cut_off(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    bench.configure(Behaviour::Flood, BUDGET as u64).await?;
    bench.client.start().await?;
    bench.console_until(|said| said.len() >= BUDGET).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let kept = bench.console().len();
    // The budget refills over a day: a few bytes may have been earned meanwhile.
    ensure!(
        kept < BUDGET + 100,
        "{kept} bytes were kept of a budget of {BUDGET}"
    );
    let log = bench.process.log_tail();
    ensure!(
        !log.contains("...."),
        "the flood went to the engine's log instead: {log}"
    );
    ensure!(
        bench.client.describe().await?.state == InstanceState::Running,
        "the engine still serves"
    );
    Ok(())
}
