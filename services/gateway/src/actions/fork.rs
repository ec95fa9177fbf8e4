//! Forking a sandbox: a snapshot of it, and sandboxes that begin as it was then.
//!
//! ```text
//!   without `at`:  Snapshot to the source, and the wait for it ─┐
//!   with `at`:     the newest one kept from before that place ──┴─▶ Create × count ─▶ each runs, or tells why not
//! ```
//!
//! Under one key the snapshot is one, and so is each child: their commands' ids are made from the key. Children that are
//! there already tell which snapshot it was.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use roost_domain::sandbox::check_spec;
use roost_schemas::command;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::reply::Rejected;
use roost_schemas::spec::{OnTimeout, SandboxSpec};
use roost_schemas::{SandboxId, Sequence, SnapshotId};

use crate::describe;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Children that are waited for at the same time: their host restores them side by side.
const AT_ONCE: usize = 10;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Fork {
    /// How many children.
    pub(crate) count: u32,
    /// The place in the log at which they branch off; absent: now.
    pub(crate) at: Option<Sequence>,
    /// What they have otherwise than their source.
    pub(crate) changes: Changes,
}

/// What a child has otherwise than its source; what is absent is as there.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) timeout_sec: Option<u32>,
    pub(crate) on_timeout: Option<OnTimeout>,
    pub(crate) auto_resume: Option<bool>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) env: Option<BTreeMap<String, String>>,
    pub(crate) network: Option<NetworkPolicy>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Forked {
    /// Where the children branch off.
    pub(crate) snapshot: SnapshotId,
    /// Each that came to run, and the place in the log at which it did, or why it did not.
    pub(crate) children: Vec<Result<(SandboxId, Sequence), ApiError>>,
}

impl Gateway {
    /// Makes children of a sandbox, which goes on as it was.
    pub(crate) async fn fork(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        fork: &Fork,
    ) -> Result<Forked, ApiError> {
        self.locate(id).await?;
        let keys: Vec<_> = (0..fork.count)
            .map(|child| key.part(&format!("child {child}")))
            .collect();
        let begun = self.begun(key, &keys).await?;
        let mut spec = match &begun {
            Some((_, spec)) => spec.clone(),
            None => self.inherited(id)?,
        };
        fork.changes.apply(&mut spec);
        // Before the source is held for a snapshot that nobody can have.
        check_spec(&spec).map_err(Rejected::from)?;
        let snapshot = match (begun, fork.at) {
            (Some((snapshot, _)), _) => snapshot,
            (None, Some(at)) => self.snapshot_at(id, at).await?,
            (None, None) => self.take_snapshot(id, key, None).await?.0,
        };
        let branch = command::Fork {
            sandbox: id.clone(),
            snapshot: snapshot.clone(),
        };
        let (spec, branch) = (&spec, &branch);
        let made = stream::iter(keys).map(|key| async move { self.create(&key, spec, Some(branch)).await });
        let children = made.buffered(AT_ONCE).collect().await;
        Ok(Forked { snapshot, children })
    }

    /// What the children have in common that an earlier try of the same request has made, if it has made any.
    async fn begun(
        &self,
        key: &CommandKey,
        children: &[CommandKey],
    ) -> Result<Option<(SnapshotId, SandboxSpec)>, ApiError> {
        if !key.given {
            return Ok(None);
        }
        self.reach(self.ports().journal.head().await?).await?;
        Ok(self.fleet().read(|fleet| {
            children.iter().find_map(|key| {
                let child = SandboxId::from_command(self.tenant(), &key.id);
                let requested = fleet.sandbox(self.tenant(), &child)?.state.requested.as_ref()?;
                let snapshot = requested.from.as_ref()?.id.clone();
                Some((snapshot, requested.spec.clone()))
            })
        }))
    }

    /// What a child is if nothing else is said: its source as it is now.
    fn inherited(&self, id: &SandboxId) -> Result<SandboxSpec, ApiError> {
        let (sandbox, _) = self.state_of(id)?;
        if sandbox.phase.is_end() {
            return Err(ApiError::new(Code::InvalidState, describe::end(id, &sandbox)));
        }
        let requested = sandbox.requested.ok_or_else(|| ApiError::no_sandbox(id))?;
        Ok(SandboxSpec {
            network: sandbox.network,
            ..requested.spec
        })
    }
}

impl Changes {
    fn apply(&self, spec: &mut SandboxSpec) {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut spec.timeout_sec, self.timeout_sec.as_ref());
        set(&mut spec.on_timeout, self.on_timeout.as_ref());
        set(&mut spec.auto_resume, self.auto_resume.as_ref());
        set(&mut spec.metadata, self.metadata.as_ref());
        set(&mut spec.env, self.env.as_ref());
        set(&mut spec.network, self.network.as_ref());
    }
}
