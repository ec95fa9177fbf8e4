//! A machine whose memory comes page by page from a pager.

use crate::{
    bench::{Bench, Engine, dead},
    frozen::{Frozen, MEMORY_MIB},
    pager::{Pager, Store},
};
use anyhow::{Result, ensure};
use roost_engine::{EngineKind, api::SnapshotType};
use std::{
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long a machine may outlive its pager.
const GRIEF: Duration = Duration::from_secs(1);

/// A machine that was written to files, and these as a pager reads them.
struct Source {
    bench: Bench,
    frozen: Frozen,
    store: Store,
    manifest: PathBuf,
}

impl Source {
    async fn of(engine: &Engine) -> Result<Self> {
        let bench = engine.boot_pattern().await?;
        let frozen = bench.freeze("base", SnapshotType::Full).await?;
        let mut store = Store::new(bench.dir.path(), MEMORY_MIB << 20);
        let manifest = store.add("base", &frozen)?;
        Ok(Self {
            bench,
            frozen,
            store,
            manifest,
        })
    }

    fn pager(&self, name: &str) -> Result<Pager> {
        Pager::start(&self.store, &self.manifest, self.bench.dir.path().join(name))
    }
}

pub(crate) async fn memory_comes_as_it_is_touched(engine: Engine) -> Result<()> {
    let source = Source::of(&engine).await?;
    let pager = source.pager("one")?;
    let copy = engine.load(&pager.load(&source.frozen)).await?;
    let before = pager.status()?;
    let process = i32::try_from(copy.process.pid())?;
    ensure!(
        before.engine == Some(process),
        "the pager serves {:?}",
        before.engine
    );
    ensure!(
        before.copied_pages < 100,
        "a load touched {} pages",
        before.copied_pages
    );
    copy.client.resume().await?;
    copy.goes_on(2).await?;
    let after = pager.status()?;
    // Every other page of the pattern.
    ensure!(after.copied_pages >= 2048, "{after:?}");
    ensure!(after.pending == 0 || after.oldest_fault_ms < 1000, "{after:?}");
    copy.process.stop().await?;
    pager.ended().await
}

/// Whatever nobody has touched is fetched for it.
pub(crate) async fn a_full_one_has_all_of_it(engine: Engine) -> Result<()> {
    let source = Source::of(&engine).await?;
    let pager = source.pager("one")?;
    let copy = engine.load(&pager.load(&source.frozen)).await?;
    let full = copy.freeze("full", SnapshotType::Full).await?;
    ensure!(full.rounds()? == source.frozen.rounds()?);
    full.must_equal(&source.frozen)?;
    copy.client.resume().await?;
    copy.goes_on(2).await
}

/// Three generations, each from the one before: what the diffs say over the base is what the guest has.
pub(crate) async fn a_diff_has_what_was_touched(engine: Engine) -> Result<()> {
    let mut source = Source::of(&engine).await?;
    let mut rounds = source.frozen.rounds()?;
    for name in ["two", "three", "four"] {
        let pager = source.pager(name)?;
        let copy = engine.load(&pager.load(&source.frozen)).await?;
        copy.client.resume().await?;
        copy.goes_on(2).await?;
        let diff = copy.freeze(name, SnapshotType::Diff).await?;
        let data = diff.memory.metadata()?.blocks() * 512;
        ensure!(
            data < 12 << 20,
            "a diff with {data} bytes: half of the pattern are 8 MiB"
        );
        source.manifest = source.store.add(name, &diff)?;

        // The whole of the same pause, and the next generation's, must read the same.
        let whole = copy.freeze("whole", SnapshotType::Full).await?;
        ensure!(whole.rounds()? > rounds, "the guest went on");
        rounds = whole.rounds()?;
        let reader = source.pager(&format!("{name}-again"))?;
        let next = engine.load(&reader.load(&diff)).await?;
        next.freeze("read", SnapshotType::Full)
            .await?
            .must_equal(&whole)?;
        // Folders of the source's own live on.
        source.frozen = diff.kept_in(source.bench.dir.path())?;
    }
    Ok(())
}

pub(crate) async fn without_its_pager_a_machine_ends(engine: Engine) -> Result<()> {
    let source = Source::of(&engine).await?;
    let mut pager = source.pager("one")?;
    let copy = engine.load(&pager.load(&source.frozen)).await?;
    copy.client.resume().await?;
    copy.goes_on(1).await?;
    let children = copy.children();
    let killed = Instant::now();
    pager.kill()?;
    if engine.kind == EngineKind::Firecracker {
        // Firecracker does not notice. Its host does, by the pager's pidfd.
        return Ok(());
    }
    copy.process.wait().await;
    for child in children {
        dead(child).await?;
    }
    ensure!(killed.elapsed() < GRIEF, "it took {:?}", killed.elapsed());
    let words = copy.process.log_tail();
    ensure!(words.contains("the pager is gone"), "{words}");
    Ok(())
}
