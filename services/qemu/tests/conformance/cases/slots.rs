//! A machine that moves to another slot: another network namespace, another TAP, other metadata.

use crate::{
    bench::{Bench, Engine, PATIENCE},
    frozen::MEMORY_MIB,
    guest::Behaviour,
    netns::Netns,
    raw,
};
use anyhow::{Context, Result, ensure};
use roost_engine::{
    EngineKind,
    api::{MachineConfig, MmdsConfig, NetworkInterface, NetworkOverride, SnapshotLoad, SnapshotType},
};
use roost_net::tap;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
};
use tempfile::TempDir;

const SERVICE: &str = "169.254.169.254:80";

/// An engine in a namespace of its own, which has this TAP.
struct Slot {
    bench: Bench,
    netns: Netns,
    _dir: TempDir,
    tap: &'static str,
}

impl Slot {
    async fn serve(engine: &Engine, tap: &'static str) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("roost-conformance-").tempdir()?;
        let netns = Netns::new(dir.path());
        netns.inside(move || tap::persist(&tap::attach(tap)?, tap))?;
        let bench = engine
            .serve_with(|launch| launch.netns = Some(netns.path()))
            .await?;
        Ok(Self {
            bench,
            netns,
            _dir: dir,
            tap,
        })
    }

    /// Whether somebody holds the TAP: only one can.
    fn is_plugged(&self) -> bool {
        let tap = self.tap;
        self.netns.inside(move || tap::attach(tap).is_err())
    }

    /// Asks the service as a guest would.
    fn ask(&self, request: String) -> Result<String> {
        self.netns.inside(move || {
            let mut stream = TcpStream::connect(SERVICE).context("the service listens")?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            let (_, body) = answer.split_once("\r\n\r\n").context(answer.clone())?;
            Ok(body.to_owned())
        })
    }

    fn told(&self) -> Result<String> {
        let token = self.ask(
            "PUT /latest/api/token HTTP/1.1\r\nHost: m\r\nX-metadata-token-ttl-seconds: 60\r\n\r\n"
                .to_owned(),
        )?;
        self.ask(format!(
            "GET / HTTP/1.1\r\nHost: m\r\nAccept: application/json\r\nX-metadata-token: {token}\r\n\r\n"
        ))
    }
}

async fn boot(engine: &Engine) -> Result<Slot> {
    let slot = Slot::serve(engine, "tap0").await?;
    let client = &slot.bench.client;
    client
        .put_machine_config(&MachineConfig {
            mem_size_mib: MEMORY_MIB,
            ..MachineConfig::default()
        })
        .await?;
    let interface = NetworkInterface {
        iface_id: "eth0".to_owned(),
        host_dev_name: "tap0".to_owned(),
        guest_mac: Some("02:FC:00:00:00:05".to_owned()),
        ..NetworkInterface::default()
    };
    client.put_network_interface(&interface).await?;
    client.put_mmds_config(&MmdsConfig::v2("eth0")).await?;
    client.put_mmds(&json!({"slot": "first"})).await?;
    slot.bench.configure(Behaviour::Pattern, 1 << 20).await?;
    client.start().await?;
    slot.bench.goes_on(2).await?;
    ensure!(slot.is_plugged(), "the machine has its TAP");
    Ok(slot)
}

fn on_tap1(load: SnapshotLoad) -> SnapshotLoad {
    SnapshotLoad {
        network_overrides: vec![NetworkOverride {
            iface_id: "eth0".to_owned(),
            host_dev_name: "tap1".to_owned(),
        }],
        ..load
    }
}

pub(crate) async fn a_loaded_machine_has_the_new_tap_and_new_metadata(engine: Engine) -> Result<()> {
    let first = boot(&engine).await?;
    let frozen = first.bench.freeze("first", SnapshotType::Full).await?;
    let second = Slot::serve(&engine, "tap1").await?;
    second.bench.put_console().await?;
    let client = &second.bench.client;
    client.load_snapshot(&on_tap1(frozen.load()), MEMORY_MIB).await?;
    ensure!(second.is_plugged(), "the machine has the other TAP");

    // That there is a service came along, what it told did not.
    let told: Value = client.mmds().await?;
    ensure!(told == json!({}) || told.is_null(), "{told}");
    raw::refused(&second.bench, "PATCH", "/mmds", r#"{"a":1}"#).await?;
    client.put_mmds(&json!({"slot": "second"})).await?;
    ensure!(client.mmds::<Value>().await? == json!({"slot": "second"}));
    if engine.kind == EngineKind::Qemu {
        // Firecracker answers inside the guest's card.
        ensure!(second.told()? == r#"{"slot":"second"}"#, "{}", second.told()?);
        ensure!(first.told()? == r#"{"slot":"first"}"#, "{}", first.told()?);
    }
    client.resume().await?;
    second.bench.goes_on(2).await
}

pub(crate) async fn metadata_may_come_before_the_load(engine: Engine) -> Result<()> {
    let first = boot(&engine).await?;
    let frozen = first.bench.freeze("first", SnapshotType::Full).await?;
    let second = Slot::serve(&engine, "tap1").await?;
    let client = &second.bench.client;
    client.put_mmds(&json!({"slot": "second"})).await?;
    client.load_snapshot(&on_tap1(frozen.load()), MEMORY_MIB).await?;
    ensure!(client.mmds::<Value>().await? == json!({"slot": "second"}));
    if engine.kind == EngineKind::Qemu {
        ensure!(second.told()? == r#"{"slot":"second"}"#, "{}", second.told()?);
    }
    Ok(())
}

/// Without the override the machine wants the TAP it had, which the new slot lacks.
pub(crate) async fn a_tap_that_is_not_there_is_refused(engine: Engine) -> Result<()> {
    let first = boot(&engine).await?;
    let frozen = first.bench.freeze("first", SnapshotType::Full).await?;
    let second = Slot::serve(&engine, "tap1").await?;
    let lacking = second
        .bench
        .client
        .load_snapshot(&frozen.load(), MEMORY_MIB)
        .await;
    match engine.kind {
        // Firecracker makes the TAP it does not find.
        EngineKind::Firecracker => lacking?,
        EngineKind::Qemu => ensure!(
            lacking
                .as_ref()
                .is_err_and(|error| error.to_string().contains("tap0")),
            "{lacking:?}"
        ),
    }
    Ok(())
}
