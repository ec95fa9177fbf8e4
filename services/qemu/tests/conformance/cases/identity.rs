//! Who an engine says it is.

use crate::bench::Engine;
use anyhow::{Result, ensure};
use roost_engine::{EngineKind, api::InstanceState};

pub(crate) async fn says_who_it_is(engine: Engine) -> Result<()> {
    let bench = engine.serve().await?;
    let info = bench.client.describe().await?;
    ensure!(
        info.id == bench.process.id() && info.state == InstanceState::NotStarted,
        "{info:?}"
    );
    let name = match engine.kind {
        EngineKind::Firecracker => "Firecracker",
        EngineKind::Qemu => "roost-qemu",
    };
    ensure!(info.app_name == name, "{info:?}");
    let version = bench.client.version().await?;
    ensure!(
        version == info.vmm_version && version.starts_with("1."),
        "{version} and {info:?}"
    );
    Ok(())
}
