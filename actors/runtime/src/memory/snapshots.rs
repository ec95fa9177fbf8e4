//! Snapshots in memory: there are no pages, but what ran in a guest is in them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use roost_schemas::snapshot::{Seal, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};
use tokio_util::sync::CancellationToken;

use super::Machine;
use super::store::Store;
use crate::port::{Draft, Dumped, Fault, Image, Pin, Portrayed, Sealed, Snapshots};

impl Machine {
    /// What is sealed.
    pub fn sealed(&self) -> BTreeSet<SnapshotId> {
        self.lock().store.sealed.keys().cloned().collect()
    }

    /// What is begun and not sealed.
    pub fn drafts(&self) -> BTreeSet<SnapshotId> {
        self.lock().store.drafts.keys().cloned().collect()
    }

    /// Lets a sealed snapshot be found damaged from now on.
    pub fn damage(&self, id: &SnapshotId) {
        self.lock().store.damaged.insert(id.clone());
    }

    /// Lets templates be restored from their boot snapshots, as a real host does.
    pub fn keep_boots(&self) {
        self.lock().store.keeps_boots = true;
    }

    /// What the start of a host finds: no drafts, and no pins of the life before.
    pub fn restart_store(&self) {
        let store = &mut self.lock().store;
        store.drafts.clear();
        store.pins.clear();
    }

    fn pinned(&self, store: &mut Store, snapshot: Snapshot) -> Sealed {
        let id = snapshot.id.clone();
        *store.pins.entry(id.clone()).or_default() += 1;
        let machine = self.clone();
        Sealed {
            snapshot,
            pin: Pin::new(Unpin { machine, id }),
        }
    }
}

/// Lets go of a snapshot when it is dropped.
struct Unpin {
    machine: Machine,
    id: SnapshotId,
}

impl Drop for Unpin {
    fn drop(&mut self) {
        let pins = &mut self.machine.lock().store.pins;
        if let Some(count) = pins.get_mut(&self.id) {
            *count = count.saturating_sub(1);
        }
    }
}

#[async_trait]
impl Snapshots for Machine {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        self.step("draft")?.store.drafts.insert(id.clone(), None);
        Ok(Draft {
            id: id.clone(),
            state: "state".into(),
            memory: "memory".into(),
            alone: false,
        })
    }

    async fn draft_alone(&self, id: &SnapshotId, _parent: &SnapshotId) -> Result<Draft, Fault> {
        let draft = self.draft(id).await?;
        Ok(Draft { alone: true, ..draft })
    }

    async fn collect(&self, _draft: &Draft, _of: &Portrayed) -> Result<(), Fault> {
        self.step("collect").map(drop)
    }

    async fn seal(&self, draft: &Draft, of: &Portrayed, _dumped: Dumped) -> Result<Sealed, Fault> {
        const STEP: &str = "seal the snapshot";
        let store = &mut self.step("seal")?.store;
        let guest = store.drafts.remove(&draft.id).flatten();
        let guest = guest.ok_or_else(|| Fault::new(STEP, format!("{} was not written", draft.id)))?;
        let mut needs = BTreeSet::new();
        if let Some(parent) = &of.parent {
            needs.clone_from(&store.whole(parent)?.needs);
            needs.insert(parent.clone());
        }
        let snapshot = store.add(&draft.id, (of.template.clone(), of.resources), guest, needs);
        Ok(self.pinned(store, snapshot))
    }

    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault> {
        self.step("discard")?.store.drafts.remove(id);
        Ok(())
    }

    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        let store = &mut self.step("find")?.store;
        let found = store.sealed.get(id).map(|sealed| sealed.snapshot.clone());
        Ok(found.map(|snapshot| self.pinned(store, snapshot)))
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        let store = &mut self.step("open")?.store;
        let seal = store.whole(&snapshot.id)?.seal.clone();
        Ok(Image {
            snapshot: snapshot.clone(),
            seal,
            folder: snapshot.id.as_str().into(),
        })
    }

    async fn seal_of(&self, snapshot: &Snapshot) -> Result<Seal, Fault> {
        let sealed = self.lock().store.sealed.get(&snapshot.id).cloned();
        let missing = || Fault::unusable("read the seal", &snapshot.id, "it is not there");
        sealed.map(|sealed| sealed.seal).ok_or_else(missing)
    }

    async fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        _cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        let store = &mut self.step("compact")?.store;
        let old = store.whole(&snapshot.id)?.clone();
        let of = (old.seal.template, old.seal.resources);
        let compacted = store.add(id, of, old.guest, BTreeSet::new());
        Ok(self.pinned(store, compacted))
    }

    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        let parts = [template.as_str(), &format!("{resources:?}")];
        let keeps = self.lock().store.keeps_boots;
        Ok(keeps.then(|| SnapshotId::of_boot(&parts)))
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        let store = &mut self.lock().store;
        store.before = store.sealed.keys().cloned().collect();
        let boots = store.before.iter().filter(|id| id.as_str().starts_with("boot"));
        let pinned = store
            .pins
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(id, _)| id);
        Ok(boots.chain(pinned).cloned().collect())
    }

    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        let store = &mut self.step("sweep")?.store;
        let needed: BTreeSet<_> = referenced
            .iter()
            .filter_map(|id| store.sealed.get(id))
            .flat_map(|sealed| sealed.needs.iter().cloned())
            .collect();
        let garbage = |id: &SnapshotId| !referenced.contains(id) && !needed.contains(id);
        let before = std::mem::take(&mut store.before);
        let swept: Vec<_> = before.into_iter().filter(garbage).collect();
        store.sealed.retain(|id, _| !swept.contains(id));
        Ok(swept)
    }
}
