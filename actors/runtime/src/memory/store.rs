//! What a store of snapshots has: drafts, sealed snapshots, and who needs which.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::{Machine as Hardware, Part, SEAL_VERSION, Seal, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{Digest, HostId, SnapshotId, TemplateName, Timestamp};

use super::guest::Guest;
use super::{Inner, Machine};
use crate::port::Fault;

/// What the machine's host is called unless it is told; its snapshots say so.
const HOST: &str = "h1";

#[derive(Default)]
pub(super) struct Store {
    /// See [`HOST`].
    pub host: Option<HostId>,
    pub sealed: BTreeMap<SnapshotId, Sealed>,
    /// What is not sealed yet, with the guest once it was dumped.
    pub drafts: BTreeMap<SnapshotId, Option<Guest>>,
    /// How often each is pinned.
    pub pins: BTreeMap<SnapshotId, u32>,
    /// What there was when it was last asked what is kept.
    pub before: BTreeSet<SnapshotId>,
    pub damaged: BTreeSet<SnapshotId>,
    pub keeps_boots: bool,
}

#[derive(Clone)]
pub(super) struct Sealed {
    pub snapshot: Snapshot,
    pub seal: Seal,
    pub guest: Guest,
    /// The snapshots that its manifests name beside itself.
    pub needs: BTreeSet<SnapshotId>,
}

impl Machine {
    /// The machine of `host`.
    pub fn of(host: &HostId) -> Self {
        let machine = Self::default();
        machine.lock().store.host = Some(host.clone());
        machine
    }
}

impl Store {
    fn host(&self) -> HostId {
        let host = self.host.clone();
        host.unwrap_or_else(|| HostId::new(HOST).expect("it is a host id"))
    }

    /// Adds what is sealed as `id` over what is `before` it.
    pub(super) fn add(
        &mut self,
        id: &SnapshotId,
        (template, resources): (TemplateName, Resources),
        guest: Guest,
        needs: BTreeSet<SnapshotId>,
    ) -> Snapshot {
        let snapshot = Snapshot {
            id: id.clone(),
            host: self.host(),
            seal: Digest::of(id.as_str().as_bytes()),
            stored_bytes: 4096,
            sources: u32::try_from(needs.len() + 1).unwrap_or(u32::MAX),
        };
        let seal = Seal {
            version: SEAL_VERSION,
            snapshot: id.clone(),
            taken_at: Timestamp::default(),
            template,
            image: String::new(),
            resources,
            machine: Hardware {
                engine: EngineKind::Qemu,
                engine_version: "memory".into(),
                cpu: "memory".into(),
            },
            state: Part::of(b""),
            memory: Part::of(b""),
            disk: Part::of(b""),
        };
        let sealed = Sealed {
            snapshot: snapshot.clone(),
            seal,
            guest,
            needs,
        };
        self.sealed.insert(id.clone(), sealed);
        snapshot
    }

    /// A sealed snapshot that is whole. What is not is put away.
    pub(super) fn whole(&mut self, id: &SnapshotId) -> Result<&Sealed, Fault> {
        const STEP: &str = "open the snapshot";
        let unusable = |detail: &str| Fault::unusable(STEP, id, detail);
        if self.damaged.contains(id) {
            self.sealed.remove(id);
            return Err(unusable("its digest is wrong"));
        }
        let there: BTreeSet<_> = self.sealed.keys().collect();
        let sealed = self.sealed.get(id).ok_or_else(|| unusable("it is not there"))?;
        if let Some(missing) = sealed.needs.iter().find(|id| !there.contains(id)) {
            return Err(unusable(&format!("it needs {missing}, which is not there")));
        }
        Ok(sealed)
    }
}

impl Inner {
    /// The guest that a snapshot has.
    pub(super) fn frozen(&mut self, id: &SnapshotId) -> Result<Guest, Fault> {
        Ok(self.store.whole(id)?.guest.clone())
    }
}
