//! The metadata service's requests. That the guest is answered is shown where there is a network: the guest here is bare
//! metal.

use crate::{bench::Engine, guest::Behaviour, raw};
use anyhow::{Result, ensure};
use roost_engine::{EngineError, api::MmdsConfig};
use serde_json::{Value, json};

pub(crate) async fn remembers_and_merges(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let client = &bench.client;
    ensure!(
        client.mmds::<Value>().await? == json!({}),
        "before anything was put"
    );
    raw::refused(&bench, "PATCH", "/mmds", r#"{"a":1}"#).await?;

    client
        .put_mmds(&json!({"instanceID": "sb1", "more": {"a": 1}}))
        .await?;
    client
        .patch_mmds(&json!({"instanceID": null, "more": {"b": [2]}}))
        .await?;
    let told: Value = client.mmds().await?;
    ensure!(told == json!({"more": {"a": 1, "b": [2]}}), "{told}");
    client.put_mmds(&json!({"anew": true})).await?;
    ensure!(client.mmds::<Value>().await? == json!({"anew": true}));
    Ok(())
}

pub(crate) async fn refuses_more_than_fits(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let filler = "x".repeat(30_000);
    bench.client.put_mmds(&json!({"a": filler})).await?;
    let refused = bench.client.patch_mmds(&json!({"b": filler})).await;
    ensure!(
        matches!(refused, Err(EngineError::Refused { status: 413, .. })),
        "{refused:?}"
    );
    let told: Value = bench.client.mmds().await?;
    ensure!(told == json!({"a": filler}), "a refused patch changes nothing");
    Ok(())
}

pub(crate) async fn refuses_a_service_that_cannot_be(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    for body in [
        "",
        "{}",
        r#"{"network_interfaces":[]}"#,
        r#"{"network_interfaces":["eth0"]}"#,
        r#"{"version":"V3","network_interfaces":["eth0"]}"#,
        r#"{"network_interfaces":["eth0"],"ipv4_address":"1.2.3.4"}"#,
        r#"{"network_interfaces":["eth0"],"ipv4_address":"nowhere"}"#,
        r#"{"network_interfaces":["eth0"],"color":"red"}"#,
    ] {
        raw::refused(&bench, "PUT", "/mmds/config", body).await?;
    }
    for (method, path, body) in [
        ("PUT", "/mmds/other", "{}"),
        ("PUT", "/mmds", "{"),
        ("PATCH", "/mmds", ""),
        ("GET", "/mmds", "{}"),
    ] {
        raw::refused(&bench, method, path, body).await?;
    }
    let config: Value = serde_json::from_str(&raw::send(&bench, "GET", "/vm/config", "").await?.1)?;
    ensure!(config["mmds-config"].is_null(), "{config}");
    Ok(())
}

pub(crate) async fn a_running_machine_without_a_service_has_no_store(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    for (method, body) in [("GET", ""), ("PUT", "{}"), ("PATCH", "{}")] {
        let why = raw::refused(&bench, method, "/mmds", body).await?;
        ensure!(why.contains("not initialized"), "{method}: {why}");
    }
    let late = bench.client.put_mmds_config(&MmdsConfig::v2("eth0")).await;
    ensure!(
        matches!(late, Err(EngineError::Refused { status: 400, .. })),
        "{late:?}"
    );
    Ok(())
}
