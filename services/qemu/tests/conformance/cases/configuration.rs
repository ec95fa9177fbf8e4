//! What is put is there.

use crate::{bench::Engine, guest::Behaviour, raw};
use anyhow::{Result, ensure};
use roost_engine::api::{Drive, MachineConfig};
use serde_json::Value;
use std::fs;

async fn get(bench: &crate::bench::Bench, path: &str) -> Result<Value> {
    let (status, text) = raw::send(bench, "GET", path, "").await?;
    ensure!(status == 200, "GET {path} was answered with {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

pub(crate) async fn remembers_what_was_put(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let default = get(&bench, "/machine-config").await?;
    ensure!(
        default["vcpu_count"] == 1 && default["mem_size_mib"] == 128,
        "{default}"
    );

    let config = MachineConfig {
        vcpu_count: 2,
        mem_size_mib: 256,
        ..MachineConfig::default()
    };
    bench.client.put_machine_config(&config).await?;
    bench.configure(Behaviour::Tick, 1000).await?;
    let (root, data) = (
        bench.dir.path().join("root.img"),
        bench.dir.path().join("data.img"),
    );
    fs::write(&root, [0; 4096])?;
    fs::write(&data, [0; 4096])?;
    bench
        .client
        .put_drive(&Drive::writable("data", data.display().to_string()))
        .await?;
    bench
        .client
        .put_drive(&Drive::root_read_only("rootfs", root.display().to_string()))
        .await?;

    let all = get(&bench, "/vm/config").await?;
    ensure!(
        all["machine-config"]["vcpu_count"] == 2 && all["machine-config"]["mem_size_mib"] == 256,
        "{all}"
    );
    ensure!(
        all["boot-source"]["kernel_image_path"]
            .as_str()
            .is_some_and(|path| path.ends_with("Tick.elf")),
        "{all}"
    );
    ensure!(
        all["drives"][0]["drive_id"] == "rootfs" && all["drives"][1]["drive_id"] == "data",
        "{all}"
    );
    Ok(())
}

pub(crate) async fn patches_what_is_named(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    raw::accepted(
        &bench,
        "PUT",
        "/machine-config",
        r#"{"vcpu_count":2,"mem_size_mib":256}"#,
    )
    .await?;
    raw::accepted(&bench, "PATCH", "/machine-config", r#"{"mem_size_mib":512}"#).await?;
    let config = get(&bench, "/machine-config").await?;
    ensure!(
        config["vcpu_count"] == 2 && config["mem_size_mib"] == 512,
        "{config}"
    );
    raw::refused(&bench, "PATCH", "/machine-config", "{}").await?;
    raw::refused(&bench, "PATCH", "/machine-config", r#"{"vcpu_count":0}"#).await?;
    ensure!(
        get(&bench, "/machine-config").await? == config,
        "a refused patch changes nothing"
    );
    Ok(())
}
