//! Making a machine from a snapshot.
//!
//! ```text
//!   File: memory copied ──▶ QEMU spawned ────────────────────────────────────▶ device state loaded ──▶ paused
//!   Uffd: memory empty  ──▶ QEMU spawned ──▶ descriptor handed to the pager ──▶ device state loaded ──▶ paused
//! ```

use super::{
    Host, Pager, Vm, arguments,
    arguments::Beginning,
    pager,
    process::Ended,
    ram,
    start::{Started, start},
    statefile,
};
use crate::{
    machine::{Config, Fault},
    qmp::{Qmp, QmpError},
    snapshot::{self, Header},
    version,
};
use roost_engine::api::{MemBackend, MemBackendType};
use std::{fs::File, io, path::PathBuf, sync::Arc};
use tokio::sync::oneshot;

/// What a machine is made from.
#[derive(Debug)]
pub(crate) struct Source {
    /// What the snapshot says of itself.
    pub(crate) header: Header,
    /// QEMU's device state.
    pub(crate) state: Vec<u8>,
    /// Where memory comes from.
    pub(crate) memory: MemBackend,
}

/// Makes the machine of `config` from `source`; it is paused. `ended` learns when it ends; when this fails, the fault
/// says why instead and nothing is left.
pub(crate) async fn restore(
    config: &Config,
    host: &Host,
    source: Source,
    ended: oneshot::Sender<Ended>,
) -> Result<Vm, Fault> {
    let memory = Arc::new(ram::create(&host.ram_dir, arguments::memory_bytes(config)?)?);
    let path = PathBuf::from(&source.memory.backend_path);
    let lazy = source.memory.backend_type == MemBackendType::Uffd;
    if !lazy {
        fill(Arc::clone(&memory), path.clone()).await?;
    }
    let state = statefile::holding(&source.state).map_err(|error: io::Error| Fault::Boot {
        reason: error.to_string(),
    })?;
    let Started {
        process,
        monitor,
        report,
    } = start(config, host, &memory, Beginning::Snapshot, lazy)?;
    let mut pager = None;
    if let Some(report) = report {
        let report = match pager::report(&report).await {
            Ok(report) => report,
            Err(error) => {
                let seen = format!("QEMU did not hand over its memory: {error}");
                return Err(process.why_not(&seen).await);
            }
        };
        pager = match Pager::connect(&path, &report).await {
            Ok(pager) => Some(pager),
            Err(fault) => return Err(process.give_up(fault).await),
        };
    }
    let mut qmp = match served(&mut pager, Qmp::negotiate(monitor)).await {
        Ok(qmp) => qmp,
        Err(seen) => return Err(process.why_not(&seen).await),
    };
    let engine = version::with_qemu(qmp.version());
    if let Err(fault) = source.header.must_fit(&engine, host.accelerator) {
        return Err(process.give_up(fault).await);
    }
    if let Err(seen) = served(&mut pager, qmp.load(&state)).await {
        return Err(process.why_not(&seen).await);
    }
    process.watch(pager, ended);
    Ok(Vm::new(qmp, memory, lazy))
}

async fn fill(memory: Arc<File>, from: PathBuf) -> Result<(), Fault> {
    snapshot::off_thread(move || snapshot::load(&from, &memory)).await
}

/// What `work` comes to, unless the pager ends first: then QEMU may stand still and never answer.
async fn served<T>(
    pager: &mut Option<Pager>,
    work: impl Future<Output = Result<T, QmpError>>,
) -> Result<T, String> {
    let gone = async {
        match pager {
            Some(pager) => pager.gone().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = work => outcome.map_err(|error| error.to_string()),
        () = gone => Err("the pager is gone".to_owned()),
    }
}
