//! What this engine promises beyond Firecracker, which hangs or trusts its files here.

use crate::{
    bench::{Bench, Engine, PATIENCE},
    frozen::{Frozen, MEMORY_MIB},
};
use anyhow::{Context, Result, ensure};
use roost_engine::{
    EngineError,
    api::{InstanceState, MemBackendType, SnapshotLoad, SnapshotType},
};
use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
};

/// A snapshot, and the machine it was made of, whose folder holds it.
async fn snapshot(engine: &Engine) -> Result<(Bench, Frozen)> {
    let source = engine.boot_pattern().await?;
    let frozen = source.freeze("first", SnapshotType::Full).await?;
    Ok((source, frozen))
}

/// A load that fails leaves no QEMU and an engine that still answers, and that could try again.
async fn refused(engine: &Engine, load: &SnapshotLoad) -> Result<String> {
    let bench = engine.serve().await?;
    let outcome = bench.client.load_snapshot(load, MEMORY_MIB);
    let outcome = tokio::time::timeout(PATIENCE, outcome).await?;
    let info = bench.client.describe().await?;
    ensure!(info.state == InstanceState::NotStarted, "{info:?}");
    ensure!(bench.children().is_empty(), "left: {:?}", bench.children());
    match outcome {
        Err(EngineError::Refused {
            status: 400,
            fault_message,
            ..
        }) => Ok(fault_message),
        other => anyhow::bail!("{other:?}"),
    }
}

pub(crate) async fn a_pager_that_hangs_up_ends_the_load(engine: Engine) -> Result<()> {
    let (source, frozen) = snapshot(&engine).await?;
    let socket = source.dir.path().join("uffd.sock");
    let listener = UnixListener::bind(&socket)?;
    // It takes the descriptor first: one that hangs up sooner was never reached, which is another refusal.
    let pager = std::thread::spawn(move || {
        let (mut engine, _) = listener.accept()?;
        engine.read(&mut [0; 4096]).map(drop)
    });
    let state = frozen.state.display().to_string();
    let load = SnapshotLoad::new(state, MemBackendType::Uffd, socket.display().to_string());
    let why = refused(&engine, &load).await?;
    ensure!(why.contains("the pager is gone"), "{why}");
    pager.join().ok().context("the pager panicked")??;
    Ok(())
}

/// A QEMU that finds something else where the library's socket should be.
pub(crate) async fn a_library_that_cannot_hand_over_says_why(engine: Engine) -> Result<()> {
    let (source, frozen) = snapshot(&engine).await?;
    let wrapper = source.dir.path().join("qemu");
    let script = "#!/bin/sh\nROOST_UFFD=\"${ROOST_UFFD%,*},1\" exec qemu-system-x86_64 \"$@\"\n";
    fs::write(&wrapper, script)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let bench = engine
        .serve_with(|launch| launch.args = vec!["--qemu".into(), wrapper.into()])
        .await?;
    let state = frozen.state.display().to_string();
    let load = SnapshotLoad::new(state, MemBackendType::Uffd, "nobody.sock");
    let refused = bench.client.load_snapshot(&load, MEMORY_MIB).await;
    let why = refused.err().context("it was loaded")?.to_string();
    ensure!(
        why.contains("roost-preload: cannot tell roost-qemu where guest memory is"),
        "{why}"
    );
    Ok(())
}

pub(crate) async fn a_snapshot_of_another_qemu_is_refused(engine: Engine) -> Result<()> {
    let (_source, frozen) = snapshot(&engine).await?;
    rewrite(&frozen.state, |bytes| {
        let version = find(bytes, b".qemu.")? + 6;
        bytes[version] = b'6';
        Ok(())
    })?;
    let why = refused(&engine, &frozen.load()).await?;
    ensure!(why.contains(".qemu.6") && why.contains("written by"), "{why}");
    Ok(())
}

pub(crate) async fn a_device_state_that_qemu_refuses_is_told(engine: Engine) -> Result<()> {
    let (_source, frozen) = snapshot(&engine).await?;
    rewrite(&frozen.state, |bytes| {
        let stream = find(bytes, b"QEVM")?;
        bytes[stream + 4..stream + 200].fill(0xFF);
        Ok(())
    })?;
    let why = refused(&engine, &frozen.load()).await?;
    ensure!(why.contains("qemu"), "QEMU is not quoted: {why}");
    Ok(())
}

/// Changes a state file as one who also knows how to make its digest good.
fn rewrite(path: &Path, change: impl Fn(&mut [u8]) -> Result<()>) -> Result<()> {
    let mut bytes = fs::read(path)?;
    let end = bytes.len() - blake3::OUT_LEN;
    change(&mut bytes[..end])?;
    let digest = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(digest.as_bytes());
    Ok(fs::write(path, bytes)?)
}

fn find(bytes: &[u8], part: &[u8]) -> Result<usize> {
    let place = bytes.windows(part.len()).position(|window| window == part);
    place.with_context(|| format!("no {:?} in the state file", String::from_utf8_lossy(part)))
}
