//! A machine written to files and made again from them.

use crate::{bench::Engine, frozen::Frozen};
use anyhow::{Result, ensure};
use roost_engine::api::{InstanceState, SnapshotLoad, SnapshotType};
use std::fs;

pub(crate) async fn a_full_one_is_exact_and_goes_on(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    let rounds = frozen.rounds()?;
    source.client.resume().await?;
    source.goes_on(1).await?;

    let copy = engine.load(&frozen.load()).await?;
    let again = copy.freeze("again", SnapshotType::Full).await?;
    ensure!(again.rounds()? == rounds, "nothing ran between load and create");
    copy.client.resume().await?;
    copy.goes_on(2).await?;
    ensure!(copy.freeze("later", SnapshotType::Full).await?.rounds()? > rounds);
    ensure!(frozen.rounds()? == rounds, "a loaded file is not written to");
    Ok(())
}

pub(crate) async fn a_load_may_resume_at_once(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    let load = SnapshotLoad {
        resume_vm: true,
        ..frozen.load()
    };
    let copy = engine.load(&load).await?;
    copy.goes_on(2).await
}

/// One more is made of the same pause, and after the guest ran on.
pub(crate) async fn as_many_as_wanted(engine: Engine) -> Result<()> {
    let bench = engine.boot_pattern().await?;
    let mut rounds = 0;
    for name in ["first", "second", "third"] {
        let frozen = bench.freeze(name, SnapshotType::Full).await?;
        let again = bench.freeze("again", SnapshotType::Full).await?;
        ensure!(again.rounds()? == frozen.rounds()?);
        ensure!(frozen.rounds()? >= rounds + 1);
        rounds = frozen.rounds()?;
        ensure!(bench.client.describe().await?.state == InstanceState::Paused);
        bench.client.resume().await?;
        bench.goes_on(2).await?;
        engine.load(&again.load()).await?;
    }
    Ok(())
}

pub(crate) async fn a_diff_over_its_base_is_the_whole(engine: Engine) -> Result<()> {
    let bench = engine.boot_pattern().await?;
    let base = bench.freeze("base", SnapshotType::Full).await?;
    bench.client.resume().await?;
    bench.goes_on(2).await?;

    // Into a file of that size a diff is merged.
    let merged = Frozen::new(bench.dir.path(), "merged");
    fs::copy(&base.memory, &merged.memory)?;
    bench.freeze("merged", SnapshotType::Diff).await?;
    let whole = bench.freeze("whole", SnapshotType::Full).await?;
    ensure!(whole.rounds()? > base.rounds()?);
    ensure!(merged.rounds()? == whole.rounds()?);
    merged.must_equal(&whole)?;

    let copy = engine.load(&merged.load()).await?;
    copy.client.resume().await?;
    copy.goes_on(2).await
}
