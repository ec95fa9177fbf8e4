//! Firecracker in its jailer.

use crate::{
    bench::{Engine, PATIENCE},
    guest::{self, BANNER, Behaviour},
};
use anyhow::{Context, Result, ensure};
use roost_engine::{
    Client, EngineProcess, Jail,
    api::{BootSource, Serial},
};
use std::{fs, time::Duration};

/// A user nobody else has.
const UID: u32 = 341_234;

/// Kills the engine when the case fails half-way.
struct Guard(EngineProcess);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

pub(crate) async fn a_jailed_engine_boots(engine: Engine) -> Result<()> {
    let jailer = engine
        .jailer
        .clone()
        .context("no jailer beside this firecracker; put it there")?;
    let dir = tempfile::Builder::new().prefix("roost-conformance-").tempdir()?;
    let jail = Jail::new(jailer, UID, UID, dir.path().join("jail"));
    let mut launch = engine.launch(dir.path());
    let kernel = guest::write(dir.path(), Behaviour::Tick);
    let kernel_image_path = jail.share(&launch.binary, &launch.id, kernel.as_ref(), "kernel")?;
    let console = dir.path().join("console.log");
    fs::write(&console, "")?;
    let serial = jail.give(&launch.binary, &launch.id, &console, "console")?;
    launch.jail = Some(jail.clone());
    let process = launch.clone().spawn().await?;
    let _guard = Guard(process.clone());

    let client = Client::of(&process);
    client.wait_ready(&process, PATIENCE).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
    ensure!(
        status
            .lines()
            .any(|line| line.starts_with("Uid:") && line.contains(&UID.to_string())),
        "{status}"
    );
    let root = fs::read_link(format!("/proc/{}/root", process.pid()))?;
    ensure!(
        root.as_os_str() != "/" || status.contains("firecracker"),
        "the engine's root is {}",
        root.display()
    );

    client
        .put_boot_source(&BootSource {
            kernel_image_path,
            ..BootSource::default()
        })
        .await?;
    client.put_serial(&Serial::bounded(serial, 1000)).await?;
    client.start().await.with_context(|| process.log_tail())?;
    tokio::time::timeout(PATIENCE, async {
        while !fs::read_to_string(&console)?.starts_with(BANNER) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    })
    .await??;
    process.stop().await?;
    jail.remove(&launch.binary, &launch.id)?;
    ensure!(!launch.api_socket().exists() && !jail.root(&launch.binary, &launch.id).exists());
    Ok(())
}
