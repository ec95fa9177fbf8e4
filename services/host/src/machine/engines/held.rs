//! What this host holds of one owner's VM.

use std::sync::Arc;

use async_trait::async_trait;
use roost_engine::EngineProcess;
use roost_runtime::port::Vm;
use roost_schemas::event::{Cause, EngineKind};
use tokio::sync::watch;

use super::pager::Pager;
use super::watch::until_end;

/// Who stands behind a VM's memory.
#[derive(Debug, Clone)]
pub(super) enum Memory {
    /// The engine alone: the VM was booted.
    Whole,
    /// A pager.
    Paged(Pager),
    /// A pager that is gone; its last words are here. The engine must not run on.
    Orphaned(String),
}

/// An engine, and what stands behind its memory. The first of its clones set a watch over it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) engine: EngineProcess,
    pub(super) memory: Memory,
    end: watch::Receiver<Option<Cause>>,
}

impl Held {
    /// Begins to watch, whoever waits for the outcome: an engine whose pager fails must not depend on that.
    pub(super) fn new(engine: EngineProcess, memory: Memory) -> Self {
        let (told, end) = watch::channel(None);
        let watched = (engine.clone(), memory.clone());
        tokio::spawn(async move {
            told.send_replace(Some(until_end(&watched.0, &watched.1).await));
        });
        Self { engine, memory, end }
    }

    /// As the actors see it.
    pub(super) fn vm(&self, kind: EngineKind, version: String) -> Arc<dyn Vm> {
        let end = self.end.clone();
        Arc::new(RealVm { kind, version, end })
    }
}

/// A VM in its engine.
struct RealVm {
    kind: EngineKind,
    version: String,
    end: watch::Receiver<Option<Cause>>,
}

#[async_trait]
impl Vm for RealVm {
    fn engine(&self) -> EngineKind {
        self.kind
    }

    fn engine_version(&self) -> String {
        self.version.clone()
    }

    async fn exited(&self) -> Cause {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await;
        // The watch ends without a word only with the runtime that it ran in, and so does whoever asks.
        let cause = ended.ok().and_then(|cause| cause.clone());
        cause.unwrap_or(Cause::HostRestarted)
    }
}
