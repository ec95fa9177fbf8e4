//! Whatever a machine writes, zeroes, gives back and is restored to: what was sealed reads back, exactly.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use roost_schemas::SnapshotId;
use roost_schemas::snapshot::Snapshot;
use roost_snapshots::Dump;

use crate::stage::{MEMORY, Stage, Still, Tag, complete, data, each, id};

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    /// The guest writes the same to pages of its memory; zeros too.
    Write(Pages, Tag),
    /// The guest reads pages: the engine has them from now on.
    Read(Pages),
    /// The guest gives pages back.
    GiveBack(Pages),
    /// The guest writes the same to pages of its drive; zeros too.
    Store(Pages, Tag),
    /// A snapshot is taken, with all of the memory or with what the engine has of it, and the machine runs on.
    Take { complete: bool },
    /// Another machine goes on from one of the snapshots.
    Restore(Index),
    /// One of the snapshots is written anew.
    Compact(Index),
    /// What none of some snapshots needs is removed.
    Sweep(Vec<Index>),
    /// The host is started again.
    StartAgain,
}

/// Pages in a row: where they begin, of as many as there are, and how many.
type Pages = (Index, u64);

fn step() -> impl Strategy<Value = Step> {
    let pages = || (any::<Index>(), 1..30u64);
    let tag = || prop_oneof![1 => Just(0), 3 => 1..6u64];
    prop_oneof![
        6 => (pages(), tag()).prop_map(|(pages, tag)| Step::Write(pages, tag)),
        2 => pages().prop_map(Step::Read),
        3 => pages().prop_map(Step::GiveBack),
        5 => (pages(), tag()).prop_map(|(pages, tag)| Step::Store(pages, tag)),
        5 => any::<bool>().prop_map(|complete| Step::Take { complete }),
        2 => any::<Index>().prop_map(Step::Restore),
        1 => any::<Index>().prop_map(Step::Compact),
        1 => prop::collection::vec(any::<Index>(), 0..3).prop_map(Step::Sweep),
        1 => Just(Step::StartAgain),
    ]
}

/// A machine that runs, and what its engine knows of its memory.
struct Running {
    still: Still,
    /// What it was restored from; its memory was all there when there is none.
    parent: Option<SnapshotId>,
    /// Pages that the engine has: they were written or read since then.
    resident: BTreeSet<u64>,
    /// Pages that were given back since then, and not touched again.
    removed: BTreeSet<u64>,
}

impl Running {
    fn from(still: Still, parent: Option<SnapshotId>) -> Self {
        Self {
            still,
            parent,
            resident: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    fn touch(&mut self, pages: &Pages) {
        for page in range(pages, MEMORY) {
            self.resident.insert(page);
            self.removed.remove(&page);
        }
    }

    fn give_back(&mut self, pages: &Pages) {
        for page in range(pages, MEMORY) {
            self.resident.remove(&page);
            self.removed.insert(page);
            self.still.memory[usize::try_from(page).unwrap()] = 0;
        }
    }
}

fn range(pages: &Pages, of: u64) -> std::ops::Range<u64> {
    let first = pages.0.index(usize::try_from(of).unwrap()) as u64;
    first..(first + pages.1).min(of)
}

fn fill(tags: &mut [Tag], pages: &Pages, tag: Tag) {
    for page in range(pages, tags.len() as u64) {
        tags[usize::try_from(page).unwrap()] = tag;
    }
}

/// The store and the machine, and what every snapshot has to read as.
struct World {
    stage: Stage,
    running: Running,
    sealed: BTreeMap<SnapshotId, (Snapshot, Still)>,
    taken: u32,
}

impl World {
    fn on(stage: Stage) -> Self {
        Self {
            stage,
            running: Running::from(Still::zeros(), None),
            sealed: BTreeMap::new(),
            taken: 0,
        }
    }

    fn name(&mut self) -> SnapshotId {
        self.taken += 1;
        id(&format!("sn{}", self.taken))
    }

    fn one(&self, index: Index) -> Option<&(Snapshot, Still)> {
        let all: Vec<_> = self.sealed.values().collect();
        (!all.is_empty()).then(|| *index.get(&all))
    }

    fn take(&mut self, all: bool) {
        let name = self.name();
        let Running {
            still,
            parent,
            resident,
            removed,
        } = &self.running;
        let whole = all || parent.is_none();
        let (memory, dump) = if whole {
            (data(&still.memory).collect::<Vec<_>>(), complete())
        } else {
            let have = resident
                .iter()
                .map(|page| (*page, still.memory[usize::try_from(*page).unwrap()]));
            let dump = Dump {
                complete: false,
                removed: each(removed.iter().copied()),
            };
            (have.collect(), dump)
        };
        let sealed = self
            .stage
            .try_dump(&name, &still.drive, parent.as_ref(), &memory, &dump)
            .unwrap();
        self.sealed.insert(name, (sealed.snapshot, still.clone()));
    }

    fn compact(&mut self, index: Index) {
        let Some((snapshot, still)) = self.one(index).cloned() else {
            return;
        };
        let name = self.name();
        let sealed = self.stage.store.compact(&snapshot, &name, &|| false).unwrap();
        assert!(sealed.snapshot.sources <= 2);
        self.sealed.insert(name, (sealed.snapshot, still));
    }

    fn sweep(&mut self, keep: &[Index]) {
        let mut kept: BTreeSet<_> = keep
            .iter()
            .filter_map(|index| self.one(*index))
            .map(|one| one.0.id.clone())
            .collect();
        kept.extend(self.running.parent.clone());
        self.stage
            .store
            .sweep(&self.stage.store.sealed().unwrap(), &kept)
            .unwrap();
        self.sealed.retain(|id, _| kept.contains(id));
    }

    fn apply(mut self, step: &Step) -> Self {
        match step {
            Step::Write(pages, tag) => {
                fill(&mut self.running.still.memory, pages, *tag);
                self.running.touch(pages);
            }
            Step::Read(pages) => self.running.touch(pages),
            Step::GiveBack(pages) => self.running.give_back(pages),
            Step::Store(pages, tag) => fill(&mut self.running.still.drive, pages, *tag),
            Step::Take { complete } => self.take(*complete),
            Step::Restore(index) => {
                if let Some((snapshot, still)) = self.one(*index) {
                    self.running = Running::from(still.clone(), Some(snapshot.id.clone()));
                }
            }
            Step::Compact(index) => self.compact(*index),
            Step::Sweep(keep) => self.sweep(keep),
            Step::StartAgain => self.stage = self.stage.again(),
        }
        self
    }
}

/// Does all `steps`, and reads everything that was sealed.
fn holds(stage: Stage, steps: &[Step]) -> Result<(), TestCaseError> {
    let world = steps.iter().fold(World::on(stage), World::apply);
    for (snapshot, still) in world.sealed.values() {
        let read = world.stage.read(snapshot);
        prop_assert_eq!(&read.memory, &still.memory, "the memory of {}", snapshot.id);
        prop_assert_eq!(&read.drive, &still.drive, "the drive of {}", snapshot.id);
    }
    Ok(())
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn whatever_happens_what_was_sealed_reads_back(steps in prop::collection::vec(step(), 1..40)) {
        holds(Stage::in_memory(), &steps)?;
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn so_it_does_on_a_disk(steps in prop::collection::vec(step(), 1..40)) {
        holds(Stage::new(), &steps)?;
    }
}
