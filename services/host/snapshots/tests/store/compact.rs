//! Compaction changes where pages stand, and never what they are.

use std::cell::Cell;
use std::fs;

use roost_schemas::snapshot::{Snapshot, file, working_set::WorkingSet};
use roost_snapshots::StoreError;

use crate::stage::{Stage, Still, id};

/// The last of a few snapshots, each with a page from another generation.
fn history(stage: &Stage) -> (Snapshot, Still) {
    let mut still = Still::some(1);
    let mut last = stage.take("sn0", &still, None).snapshot;
    for round in 1..5 {
        still.memory[20 + round] = 1000 + round as u64;
        still.drive[30 + round] = 2000 + round as u64;
        still.memory[0] = 0;
        last = stage.take(&format!("sn{round}"), &still, Some(&last)).snapshot;
    }
    (last, still)
}

#[test]
fn the_content_stays_and_the_sources_go() {
    let stage = Stage::new();
    let (last, still) = history(&stage);
    assert_eq!(last.sources, 10);
    let mut set = WorkingSet::default();
    set.add(1, 2);
    fs::write(stage.file(&last.id, file::WORKING_SET), set.encode()).unwrap();
    let flat = stage.store.compact(&last, &id("flat"), &|| false).unwrap();
    assert_eq!(flat.snapshot.sources, 2);
    assert_eq!(stage.read(&flat.snapshot), still);
    assert_eq!(stage.read(&last), still);
    assert_eq!(
        fs::read(stage.file(&id("flat"), file::WORKING_SET)).unwrap(),
        set.encode()
    );
    let copied = fs::read_to_string(stage.file(&id("flat"), file::STATE)).unwrap();
    assert_eq!(copied, "the state of sn4");

    let keep = [id("flat")].into();
    let swept = stage.store.sweep(&stage.store.sealed().unwrap(), &keep).unwrap();
    assert_eq!(swept.removed.len(), 5);
    let stage = stage.again();
    assert_eq!(stage.read(&flat.snapshot), still, "it needs no other");
}

#[test]
fn what_is_compacted_already_is_answered_again() {
    let stage = Stage::new();
    let (last, _) = history(&stage);
    let flat = stage
        .store
        .compact(&last, &id("flat"), &|| false)
        .unwrap()
        .snapshot;
    let again = stage
        .store
        .compact(&last, &id("flat"), &|| unreachable!("nothing is written"))
        .unwrap();
    assert_eq!(again.snapshot, flat);
}

#[test]
fn it_can_be_cut_short_anywhere_and_leaves_nothing() {
    let stage = Stage::new();
    let (last, still) = history(&stage);
    let mut cuts = 0;
    let flat = loop {
        let asked = Cell::new(0);
        let cancelled = || asked.replace(asked.get() + 1) == cuts;
        match stage.store.compact(&last, &id("flat"), &cancelled) {
            Ok(flat) => break flat,
            Err(error) => assert!(matches!(error, StoreError::Cancelled { .. }), "{error}"),
        }
        assert_eq!(stage.store.sealed().unwrap().len(), 5);
        assert_eq!(fs::read_dir(stage.store.folder()).unwrap().count(), 5);
        cuts += 1;
    };
    assert!(cuts > 10, "it asks {cuts} times");
    assert_eq!(stage.read(&flat.snapshot), still);
}

#[test]
fn what_is_damaged_is_not_written_anew() {
    let stage = Stage::new();
    let (last, _) = history(&stage);
    fs::write(stage.file(&id("sn2"), file::MEMORY_PAGES), vec![1; 4096]).unwrap();
    let error = stage.store.compact(&last, &id("flat"), &|| false).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(stage.store.find(&id("flat")).unwrap().is_none());
}
