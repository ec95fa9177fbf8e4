//! Restoring: pager and engine start side by side, and the engine loads what the pager will page in.
//!
//! ```text
//!   spawn pager ─▶ record ─▶ ready ──────────┐
//!               └▶ spawn engine ─▶ ready ────┴▶ drives ─▶ console ─▶ load ─▶ metadata     vCPUs stand still
//! ```
//!
//! The pager is recorded before there is an engine: a restarted host that finds an engine knows by that record whether it
//! needs a pager.

use std::time::Instant;

use roost_engine::Client;
use roost_engine::api::{MemBackendType, NetworkOverride, SnapshotLoad};
use roost_runtime::port::{Fault, Image, VmSpec};
use roost_schemas::Owner;
use roost_schemas::snapshot::file;

use super::configure::INTERFACE;
use super::held::{Held, Memory};
use super::jails::Users;
use super::pager::{self, Pager};
use super::{RealEngines, console, metadata};

impl RealEngines {
    pub(super) async fn load(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Held, Fault> {
        const STEP: &str = "load the snapshot";
        let supply = self.supply(STEP)?;
        let began = Instant::now();
        let folder = self.folder(owner);
        folder.make()?;
        let home = self.choice.home(&folder, owner, Some(spec))?;
        home.make()?;
        let starting = pager::Launch {
            program: &self.pager,
            folder: folder.path(),
            socket: &home.pager_socket(),
            image,
            users: Users::of(spec.slot.number)?,
        };
        let starting = starting.spawn().await?;
        let (pager, engine) = tokio::join!(starting.ready(), self.start(owner, spec));
        let (pager, engine): (Pager, _) = (pager?, engine?);
        let started = Instant::now();
        home.drives(&spec.drives)?;
        let load = SnapshotLoad {
            // The TAP that was saved is that of another slot.
            network_overrides: vec![NetworkOverride {
                iface_id: INTERFACE.to_owned(),
                host_dev_name: spec.slot.tap.clone(),
            }],
            ..SnapshotLoad::new(
                home.state(&image.folder.join(file::STATE))?,
                MemBackendType::Uffd,
                home.give_pager_socket()?,
            )
        };
        let client = Client::of(&engine);
        let loaded = async {
            client.put_serial(&console::own()).await?;
            client.load_snapshot(&load, spec.resources.memory_mb.into()).await
        };
        loaded.await.map_err(|error| Fault::of(STEP, &error))?;
        let start_ms = (started - began).as_millis();
        let load_ms = started.elapsed().as_millis();
        tracing::debug!(%owner, snapshot = %image.snapshot.id, start_ms, load_ms, "loaded");
        metadata::put(&client, &owner.sandbox, &spec.template, &supply.tokens).await?;
        Ok(Held::new(engine, Memory::Paged(pager)))
    }
}
