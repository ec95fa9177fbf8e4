//! Input that must be refused, and must leave the engine able to serve.

use crate::{
    bench::{Bench, Engine},
    guest::{self, Behaviour},
    raw,
};
use anyhow::{Result, ensure};
use roost_engine::{
    EngineError,
    api::{BootSource, Drive, InstanceState, MAX_BODY_BYTES, MachineConfig},
};
use std::fs;

async fn still_serves(bench: &Bench) -> Result<()> {
    let info = bench.client.describe().await?;
    ensure!(info.state == InstanceState::NotStarted, "{info:?}");
    Ok(())
}

pub(crate) async fn bodies(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for (method, path, body) in [
        ("PUT", "/machine-config", ""),
        ("PUT", "/machine-config", "{"),
        ("PUT", "/machine-config", "[]"),
        ("PUT", "/machine-config", "\u{0}\u{1}"),
        ("PUT", "/machine-config", r#"{"vcpu_count":1}"#),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":"1","mem_size_mib":128}"#,
        ),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":1,"mem_size_mib":128,"color":"red"}"#,
        ),
        ("PUT", "/boot-source", "{}"),
        ("PUT", "/boot-source", r#"{"kernel_image_path":7}"#),
        (
            "PUT",
            "/boot-source",
            r#"{"kernel_image_path":"/k","kernel":"/k"}"#,
        ),
        ("PUT", "/drives/d", r#"{"drive_id":"d","path_on_host":"/x"}"#),
        ("PUT", "/network-interfaces/n", r#"{"iface_id":"n"}"#),
        ("PUT", "/entropy", r#"{"speed":1}"#),
        ("PUT", "/serial", r#"{"path":"/x"}"#),
        ("PUT", "/actions", r#"{"action_type":"Explode"}"#),
        ("PATCH", "/vm", r#"{"state":"Stopped"}"#),
        ("GET", "/version", "{}"),
    ] {
        raw::refused(&bench, method, path, body).await?;
    }
    still_serves(&bench).await
}

pub(crate) async fn paths_and_methods(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for (method, path, body) in [
        ("GET", "/nothing", ""),
        ("PUT", "/nothing", "{}"),
        ("PATCH", "/boot-source", "{}"),
        (
            "PUT",
            "/drives/a-b",
            r#"{"drive_id":"a-b","is_root_device":false,"path_on_host":"/x"}"#,
        ),
        (
            "PUT",
            "/drives/a",
            r#"{"drive_id":"b","is_root_device":false,"path_on_host":"/x"}"#,
        ),
        (
            "PUT",
            "/drives/",
            r#"{"drive_id":"","is_root_device":false,"path_on_host":"/x"}"#,
        ),
        (
            "PUT",
            "/network-interfaces/a",
            r#"{"iface_id":"b","host_dev_name":"tap0"}"#,
        ),
        (
            "PUT",
            "/network-interfaces/a",
            r#"{"iface_id":"a","host_dev_name":"tap0","guest_mac":"02:fc"}"#,
        ),
    ] {
        raw::refused(&bench, method, path, body).await?;
    }
    still_serves(&bench).await
}

pub(crate) async fn vcpus(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for count in ["0", "33", "255", "256", "-1", "1.5", "1e9"] {
        let body = format!(r#"{{"vcpu_count":{count},"mem_size_mib":128}}"#);
        raw::refused(&bench, "PUT", "/machine-config", &body).await?;
    }
    raw::refused(
        &bench,
        "PUT",
        "/machine-config",
        r#"{"vcpu_count":3,"mem_size_mib":128,"smt":true}"#,
    )
    .await?;
    still_serves(&bench).await
}

pub(crate) async fn memory(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for size in ["0", "-1", "1.5", "99999999999999999999999"] {
        let body = format!(r#"{{"vcpu_count":1,"mem_size_mib":{size}}}"#);
        raw::refused(&bench, "PUT", "/machine-config", &body).await?;
    }
    // A pebibyte: refused when it is named or, at the latest, when it is needed.
    bench.configure(Behaviour::Tick, 1000).await?;
    let config = MachineConfig {
        mem_size_mib: 1 << 30,
        ..MachineConfig::default()
    };
    let outcome = match bench.client.put_machine_config(&config).await {
        Ok(()) => bench.client.start().await,
        refused => refused,
    };
    ensure!(
        matches!(outcome, Err(EngineError::Refused { status: 400, .. })),
        "a pebibyte: {outcome:?}"
    );
    Ok(())
}

pub(crate) async fn files(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let missing = bench.dir.path().join("missing").display().to_string();
    let source = BootSource {
        kernel_image_path: missing.clone(),
        ..BootSource::default()
    };
    refused(&bench.client.put_boot_source(&source).await)?;

    let kernel_image_path = guest::write(bench.dir.path(), Behaviour::Tick);
    let source = BootSource {
        kernel_image_path,
        initrd_path: Some(missing.clone()),
        ..BootSource::default()
    };
    refused(&bench.client.put_boot_source(&source).await)?;
    refused(
        &bench
            .client
            .put_drive(&Drive::root_read_only("rootfs", missing))
            .await,
    )?;

    let image = bench.dir.path().join("disk.img");
    fs::write(&image, [0; 4096])?;
    let image = image.display().to_string();
    bench
        .client
        .put_drive(&Drive::root_read_only("rootfs", image.clone()))
        .await?;
    refused(
        &bench
            .client
            .put_drive(&Drive::root_read_only("other", image))
            .await,
    )?;
    refused(&bench.client.start().await)?;
    still_serves(&bench).await
}

/// Refused when it is named or, at the latest, when it is booted; and then another kernel boots in the same engine.
pub(crate) async fn a_corrupt_kernel(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for (name, bytes) in [
        ("zeros", vec![0; 100_000]),
        ("empty", vec![]),
        ("cut", b"\x7fELF\x02\x01\x01".to_vec()),
    ] {
        let path = bench.dir.path().join(name);
        fs::write(&path, bytes)?;
        let kernel_image_path = path.display().to_string();
        let source = BootSource {
            kernel_image_path,
            ..BootSource::default()
        };
        let outcome = match bench.client.put_boot_source(&source).await {
            Ok(()) => bench.client.start().await,
            refused => refused,
        };
        ensure!(
            matches!(outcome, Err(EngineError::Refused { status: 400, .. })),
            "kernel {name}: {outcome:?}"
        );
        still_serves(&bench).await?;
    }
    Ok(())
}

pub(crate) async fn an_oversized_body(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let body = format!(r#"{{"kernel_image_path":"{}"}}"#, "k".repeat(MAX_BODY_BYTES));
    let (status, text) = raw::send(&bench, "PUT", "/boot-source", body).await?;
    ensure!(
        status == 400,
        "an oversized body was answered with {status}: {text}"
    );
    still_serves(&bench).await
}

fn refused(outcome: &Result<(), EngineError>) -> Result<()> {
    ensure!(
        matches!(outcome, Err(EngineError::Refused { status: 400, .. })),
        "{outcome:?}"
    );
    Ok(())
}
