//! Snapshots that must not be written, or not be loaded.

use crate::{
    bench::Engine,
    frozen::{Frozen, MEMORY_MIB},
    guest::Behaviour,
    raw,
};
use anyhow::{Result, ensure};
use roost_engine::{
    EngineError, EngineKind,
    api::{InstanceState, MachineConfig, MemBackendType, NetworkOverride, SnapshotLoad, SnapshotType},
};
use std::{fs, path::Path};

fn refusal(outcome: Result<(), EngineError>) -> Result<String> {
    match outcome {
        Err(EngineError::Refused {
            status: 400,
            fault_message,
            ..
        }) => Ok(fault_message),
        other => anyhow::bail!("expected a refusal, got {other:?}"),
    }
}

/// A load that fails says why. Firecracker then ends; this engine can at most be killed, which its host does.
async fn must_not_load(engine: &Engine, load: &SnapshotLoad) -> Result<String> {
    let bench = engine.serve().await?;
    let why = refusal(bench.client.load_snapshot(load, MEMORY_MIB).await)?;
    ensure!(
        bench.children().is_empty(),
        "a failed load leaves {:?}",
        bench.children()
    );
    match engine.kind {
        EngineKind::Firecracker => drop(bench.process.wait().await),
        EngineKind::Qemu => {
            let info = bench.client.describe().await?;
            ensure!(info.state == InstanceState::NotStarted, "{info:?}");
        }
    }
    Ok(why)
}

pub(crate) async fn bodies(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for (path, body) in [
        ("/snapshot/create", ""),
        ("/snapshot/create", "{}"),
        ("/snapshot/create", r#"{"snapshot_path":"s"}"#),
        (
            "/snapshot/create",
            r#"{"snapshot_path":"s","mem_file_path":"m","snapshot_type":"Half"}"#,
        ),
        (
            "/snapshot/create",
            r#"{"snapshot_path":"s","mem_file_path":"m","version":"1"}"#,
        ),
        ("/snapshot/load", "{}"),
        ("/snapshot/load", r#"{"snapshot_path":"s"}"#),
        (
            "/snapshot/load",
            r#"{"snapshot_path":"s","mem_backend":{"backend_path":"m"}}"#,
        ),
        (
            "/snapshot/load",
            r#"{"snapshot_path":"s","mem_backend":{"backend_path":"m","backend_type":"Swap"}}"#,
        ),
        (
            "/snapshot/load",
            r#"{"snapshot_path":"s","mem_file_path":"m","mem_backend":{"backend_path":"m","backend_type":"File"}}"#,
        ),
        (
            "/snapshot/load",
            r#"{"snapshot_path":"s","mem_backend":{"backend_path":"m","backend_type":"File"},"color":"red"}"#,
        ),
        (
            "/snapshot/load",
            r#"{"snapshot_path":"s","mem_file_path":"m","network_overrides":[{"iface_id":"eth0"}]}"#,
        ),
        ("/snapshot/other", "{}"),
        ("/snapshot", "{}"),
    ] {
        raw::refused(&bench, "PUT", path, body).await?;
    }
    ensure!(bench.client.describe().await?.state == InstanceState::NotStarted);
    Ok(())
}

pub(crate) async fn what_is_not_paused(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let frozen = Frozen::new(bench.dir.path(), "none");
    let create = frozen.create(SnapshotType::Full);
    refusal(bench.client.create_snapshot(&create, MEMORY_MIB).await)?;
    bench.configure(Behaviour::Tick, 1000).await?;
    bench.client.start().await?;
    refusal(bench.client.create_snapshot(&create, MEMORY_MIB).await)?;
    ensure!(bench.client.describe().await?.state == InstanceState::Running);
    ensure!(!frozen.memory.exists(), "no memory was written");
    Ok(())
}

/// A folder that is not there, and one where no more than a megabyte fits.
pub(crate) async fn files_that_cannot_be_written(engine: Engine) -> Result<()> {
    let bench = engine.boot_pattern().await?;
    bench.client.pause().await?;
    let nowhere = bench.dir.path().join("nowhere");
    let small = SmallDisk::mount(&bench.dir.path().join("small"))?;
    let before = listing(&small.0)?;
    for frozen in [Frozen::new(&nowhere, "a"), Frozen::new(&small.0, "b")] {
        let create = frozen.create(SnapshotType::Full);
        refusal(bench.client.create_snapshot(&create, MEMORY_MIB).await)?;
        ensure!(bench.client.describe().await?.state == InstanceState::Paused);
    }
    if engine.kind == EngineKind::Qemu {
        ensure!(listing(&small.0)? == before, "left: {:?}", listing(&small.0)?);
    }
    // It is as it was: it can be written elsewhere, and goes on.
    let frozen = bench.freeze("after", SnapshotType::Full).await?;
    frozen.rounds()?;
    bench.client.resume().await?;
    bench.goes_on(2).await
}

pub(crate) async fn a_load_after_configuration(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    let configured = engine.serve().await?;
    configured
        .client
        .put_machine_config(&MachineConfig::default())
        .await?;
    refusal(configured.client.load_snapshot(&frozen.load(), MEMORY_MIB).await)?;
    let info = configured.client.describe().await?;
    ensure!(info.state == InstanceState::NotStarted, "{info:?}");
    // Nor into one that runs.
    refusal(source.client.load_snapshot(&frozen.load(), MEMORY_MIB).await)?;
    Ok(())
}

pub(crate) async fn files_that_are_not_there(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    let missing = source.dir.path().join("missing");
    let no_state = Frozen {
        state: missing.clone(),
        ..frozen.clone()
    };
    must_not_load(&engine, &no_state.load()).await?;
    let no_memory = Frozen {
        memory: missing.clone(),
        ..frozen.clone()
    };
    must_not_load(&engine, &no_memory.load()).await?;
    let socket = missing.display().to_string();
    let no_pager = SnapshotLoad::new(frozen.state.display().to_string(), MemBackendType::Uffd, socket);
    must_not_load(&engine, &no_pager).await?;
    let no_interface = SnapshotLoad {
        network_overrides: vec![NetworkOverride {
            iface_id: "eth0".to_owned(),
            host_dev_name: "tap0".to_owned(),
        }],
        ..frozen.load()
    };
    must_not_load(&engine, &no_interface).await?;
    Ok(())
}

pub(crate) async fn damaged_state(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    let good = fs::read(&frozen.state)?;
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let cut = &good[..good.len() / 2];
    for bytes in [&flipped[..], cut, b"", b"not a snapshot at all"] {
        fs::write(&frozen.state, bytes)?;
        must_not_load(&engine, &frozen.load()).await?;
    }
    Ok(())
}

pub(crate) async fn a_memory_file_that_is_too_short(engine: Engine) -> Result<()> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    fs::File::options()
        .write(true)
        .open(&frozen.memory)?
        .set_len((MEMORY_MIB << 20) / 2)?;
    must_not_load(&engine, &frozen.load()).await?;
    Ok(())
}

/// A tmpfs that holds a megabyte.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self> {
        fs::create_dir(at)?;
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .status()?;
        ensure!(mounted.success(), "this case needs root");
        Ok(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

fn listing(dir: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}
