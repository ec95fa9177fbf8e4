//! Snapshots in memory: which there are, and of what; there is no content.

use std::collections::BTreeSet;

use async_trait::async_trait;
use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::{Machine as Hardware, Part, SEAL_VERSION, Seal, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{Digest, HostId, SnapshotId, TemplateName, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Machine;
use crate::port::{Draft, Dumped, Fault, Image, Pin, Portrayed, Sealed, Snapshots};

/// What the machine's host is called; its snapshots say so.
const HOST: &str = "h1";

/// One sealed snapshot.
pub(super) fn snapshot(id: &SnapshotId, sources: u32) -> Snapshot {
    Snapshot {
        id: id.clone(),
        host: HostId::new(HOST).expect("it is a host id"),
        seal: Digest::of(id.as_str().as_bytes()),
        stored_bytes: 4096,
        sources,
    }
}

fn seal(id: &SnapshotId) -> Seal {
    Seal {
        version: SEAL_VERSION,
        snapshot: id.clone(),
        taken_at: Timestamp::default(),
        template: TemplateName::new("base").expect("it is a template name"),
        image: String::new(),
        resources: Resources {
            vcpus: 1,
            memory_mb: 128,
        },
        machine: Hardware {
            engine: EngineKind::Qemu,
            engine_version: "memory".into(),
            cpu: "memory".into(),
        },
        state: Part::of(b""),
        memory: Part::of(b""),
        disk: Part::of(b""),
    }
}

impl Machine {
    /// What is sealed.
    pub fn sealed(&self) -> BTreeSet<SnapshotId> {
        self.lock().sealed.keys().cloned().collect()
    }

    /// Lets a sealed snapshot be found damaged from now on.
    pub fn damage(&self, id: &SnapshotId) {
        self.lock().damaged.insert(id.clone());
    }

    /// Lets templates be restored from their boot snapshots, as a real host does.
    pub fn keep_boots(&self) {
        self.lock().keeps_boots = true;
    }

    fn pinned(&self, snapshot: Snapshot) -> Sealed {
        Sealed {
            snapshot,
            pin: Pin::new(()),
        }
    }
}

#[async_trait]
impl Snapshots for Machine {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        self.step("draft")?.drafts.insert(id.clone());
        Ok(Draft {
            id: id.clone(),
            state: "state".into(),
            memory: "memory".into(),
        })
    }

    async fn collect(&self, _draft: &Draft, _of: &Portrayed) -> Result<(), Fault> {
        self.step("collect").map(drop)
    }

    async fn seal(&self, draft: &Draft, of: &Portrayed, _dumped: Dumped) -> Result<Sealed, Fault> {
        let mut inner = self.step("seal")?;
        inner.drafts.remove(&draft.id);
        let parent = of.parent.as_ref().and_then(|parent| inner.sealed.get(parent));
        let snapshot = snapshot(&draft.id, parent.map_or(0, |parent| parent.sources) + 1);
        inner.sealed.insert(draft.id.clone(), snapshot.clone());
        Ok(self.pinned(snapshot))
    }

    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault> {
        self.lock().drafts.remove(id);
        Ok(())
    }

    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        let found = self.step("find")?.sealed.get(id).cloned();
        Ok(found.map(|snapshot| self.pinned(snapshot)))
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        const STEP: &str = "open the snapshot";
        let inner = self.step("open")?;
        if inner.damaged.contains(&snapshot.id) || !inner.sealed.contains_key(&snapshot.id) {
            return Err(Fault::unusable(STEP, &snapshot.id, "it is damaged"));
        }
        Ok(Image {
            snapshot: snapshot.clone(),
            seal: seal(&snapshot.id),
            folder: snapshot.id.as_str().into(),
        })
    }

    async fn compact(
        &self,
        _snapshot: &Snapshot,
        id: &SnapshotId,
        _cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        let mut inner = self.step("compact")?;
        let compacted = snapshot(id, 1);
        inner.sealed.insert(id.clone(), compacted.clone());
        Ok(self.pinned(compacted))
    }

    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        let parts = [template.as_str(), &format!("{resources:?}")];
        let keeps = self.lock().keeps_boots;
        Ok(keeps.then(|| SnapshotId::of_boot(&parts)))
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        let inner = self.lock();
        let boots = inner.sealed.keys().filter(|id| id.as_str().starts_with("boot"));
        Ok(boots.cloned().collect())
    }

    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        let mut inner = self.step("sweep")?;
        let swept: Vec<_> = inner
            .sealed
            .keys()
            .filter(|id| !referenced.contains(*id))
            .cloned()
            .collect();
        inner.sealed.retain(|id, _| referenced.contains(id));
        Ok(swept)
    }
}
