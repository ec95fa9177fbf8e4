//! A machine that runs.

use crate::{
    bench::{Bench, Engine},
    guest::{BANNER, Behaviour, TICK},
    raw,
};
use anyhow::{Result, ensure};
use roost_engine::api::{Drive, Entropy, InstanceState, MachineConfig};
use std::{fs, time::Duration};

async fn state(bench: &Bench) -> Result<InstanceState> {
    Ok(bench.client.describe().await?.state)
}

fn ticks(console: &str) -> usize {
    console.bytes().filter(|byte| *byte == TICK).count()
}

pub(crate) async fn boots_and_speaks(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    let said = bench.console_until(|said| ticks(said) > 0).await?;
    ensure!(said.starts_with(BANNER), "{said:?}");
    ensure!(state(&bench).await? == InstanceState::Running);
    Ok(())
}

pub(crate) async fn refuses_what_comes_too_early(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for (method, path, body) in [
        ("PUT", "/actions", r#"{"action_type":"InstanceStart"}"#),
        ("PUT", "/actions", r#"{"action_type":"SendCtrlAltDel"}"#),
        ("PUT", "/actions", r#"{"action_type":"FlushMetrics"}"#),
        ("PATCH", "/vm", r#"{"state":"Paused"}"#),
        ("PATCH", "/vm", r#"{"state":"Resumed"}"#),
    ] {
        raw::refused(&bench, method, path, body).await?;
    }
    ensure!(state(&bench).await? == InstanceState::NotStarted);
    Ok(())
}

pub(crate) async fn refuses_what_comes_too_late(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    for (path, body) in [
        ("/actions", r#"{"action_type":"InstanceStart"}"#),
        ("/machine-config", r#"{"vcpu_count":1,"mem_size_mib":128}"#),
        ("/boot-source", r#"{"kernel_image_path":"/dev/null"}"#),
        (
            "/drives/d",
            r#"{"drive_id":"d","is_root_device":false,"path_on_host":"/dev/null"}"#,
        ),
        (
            "/network-interfaces/n",
            r#"{"iface_id":"n","host_dev_name":"tap0"}"#,
        ),
        ("/entropy", "{}"),
        ("/serial", "{}"),
    ] {
        raw::refused(&bench, "PUT", path, body).await?;
    }
    ensure!(state(&bench).await? == InstanceState::Running, "it runs on");
    Ok(())
}

pub(crate) async fn pauses_and_resumes(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    bench.console_until(|said| ticks(said) > 0).await?;
    for _ in 0..2 {
        bench.client.pause().await?;
        ensure!(state(&bench).await? == InstanceState::Paused);
        let paused_at = settled(&bench).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        ensure!(bench.console().len() == paused_at, "a paused guest says nothing");
        bench.client.pause().await?;
        bench.client.resume().await?;
        ensure!(state(&bench).await? == InstanceState::Running);
        bench.console_until(|said| said.len() > paused_at).await?;
        bench.client.resume().await?;
    }
    Ok(())
}

/// Length of the console once what was under way when the guest paused has arrived.
async fn settled(bench: &Bench) -> usize {
    let mut length = bench.console().len();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = bench.console().len();
        if now == length {
            return length;
        }
        length = now;
    }
}

pub(crate) async fn boots_with_drives_and_entropy(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    // The comma and the quote are for engines that pass paths on as options.
    let (root, data) = (
        bench.dir.path().join("root,\"img"),
        bench.dir.path().join("data.img"),
    );
    for path in [&root, &data] {
        fs::write(path, vec![0; 1 << 20])?;
    }
    bench
        .client
        .put_drive(&Drive::root_read_only("rootfs", root.display().to_string()))
        .await?;
    bench
        .client
        .put_drive(&Drive::writable("data", data.display().to_string()))
        .await?;
    bench.client.put_entropy(&Entropy::default()).await?;
    bench.configure(Behaviour::Tick, 1000).await?;
    bench.client.start().await?;
    bench.console_until(|said| said.starts_with(BANNER)).await?;
    Ok(())
}

pub(crate) async fn boots_many_vcpus(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let config = MachineConfig {
        vcpu_count: 4,
        mem_size_mib: 64,
        smt: true,
        ..MachineConfig::default()
    };
    bench.client.put_machine_config(&config).await?;
    bench.configure(Behaviour::Tick, 1000).await?;
    bench.client.start().await?;
    bench.console_until(|said| said.starts_with(BANNER)).await?;
    Ok(())
}
