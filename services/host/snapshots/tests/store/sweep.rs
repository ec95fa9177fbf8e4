//! A sweep removes what nobody needs, and nothing when that cannot be known.

use std::collections::BTreeSet;
use std::fs;

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::file;

use crate::stage::{Stage, Still, id};

fn ids<const N: usize>(names: [&str; N]) -> BTreeSet<SnapshotId> {
    names.map(id).into()
}

/// `sn1`; `sn2`, which needs it; `sn3`, which needs `sn2` alone; and `sn4` on its own.
fn stage() -> Stage {
    let stage = Stage::new();
    let first = stage.take("sn1", &Still::some(1), None).snapshot;
    let mut still = Still::some(1);
    still.memory[50] = 5;
    let second = stage.take("sn2", &still, Some(&first)).snapshot;
    let mut other = Still::zeros();
    other.memory[50] = 5;
    stage.take("sn3", &other, Some(&second));
    stage.take("sn4", &Still::some(4), None);
    stage
}

#[test]
fn what_nothing_needs_goes() {
    let stage = stage();
    let all = stage.store.sealed().unwrap();
    let swept = stage.store.sweep(&all, &ids(["sn3"])).unwrap();
    assert_eq!(swept.removed, [id("sn1"), id("sn4")]);
    assert_eq!(stage.store.sealed().unwrap(), ids(["sn2", "sn3"]));
    let stage = stage.again();
    let found = stage.store.find(&id("sn3")).unwrap().unwrap().snapshot;
    stage.store.check(&found).expect("sn2 has the page it needs");
    let swept = stage.store.sweep(&all, &BTreeSet::new()).unwrap();
    assert_eq!(swept.removed, [id("sn2"), id("sn3")]);
    assert_eq!(fs::read_dir(stage.store.folder()).unwrap().count(), 0);
    stage.take("sn1", &Still::some(2), None);
}

#[test]
fn what_is_pinned_stays_with_all_that_it_needs() {
    let stage = stage();
    let all = stage.store.sealed().unwrap();
    let pin = stage.store.find(&id("sn2")).unwrap().unwrap().pin;
    let swept = stage.store.sweep(&all, &BTreeSet::new()).unwrap();
    assert_eq!(swept.removed, [id("sn3"), id("sn4")]);
    drop(pin);
    let swept = stage.store.sweep(&all, &BTreeSet::new()).unwrap();
    assert_eq!(swept.removed, [id("sn1"), id("sn2")]);
}

#[test]
fn a_draft_keeps_its_parent() {
    let stage = stage();
    let all = stage.store.sealed().unwrap();
    let draft = stage.store.draft(&id("sn5")).unwrap();
    let drive = stage.path("drive");
    crate::stage::write(&drive, crate::stage::DRIVE, []);
    stage.store.collect(&draft.id, &drive, Some(&id("sn2"))).unwrap();
    let swept = stage.store.sweep(&all, &BTreeSet::new()).unwrap();
    assert_eq!(swept.removed, [id("sn3"), id("sn4")]);
    assert!(draft.folder.exists());
    stage.store.discard(&draft.id).unwrap();
    assert_eq!(
        stage.store.sweep(&all, &BTreeSet::new()).unwrap().removed.len(),
        2
    );
}

#[test]
fn what_came_after_the_candidates_were_listed_stays() {
    let stage = stage();
    let before = stage.store.sealed().unwrap();
    stage.take("sn5", &Still::some(5), None);
    stage.store.sweep(&before, &BTreeSet::new()).unwrap();
    assert_eq!(stage.store.sealed().unwrap(), ids(["sn5"]));
}

#[test]
fn nothing_goes_while_a_kept_one_cannot_be_read() {
    for name in [file::SEAL, file::MEMORY_MANIFEST, file::DISK_MANIFEST] {
        let stage = stage();
        let all = stage.store.sealed().unwrap();
        let (path, keep) = (stage.file(&id("sn3"), name), ids(["sn3"]));
        let good = fs::read(&path).unwrap();
        let other = fs::read(stage.file(&id("sn4"), name)).unwrap();
        for bad in [&good[..good.len() - 1], &other] {
            fs::write(&path, bad).unwrap();
            let swept = stage.store.sweep(&all, &keep).unwrap();
            assert_eq!(
                (swept.removed, swept.unreadable),
                (vec![], keep.clone()),
                "{name}"
            );
            assert_eq!(stage.store.sealed().unwrap(), all);
        }
        fs::write(&path, good).unwrap();
        assert_eq!(
            stage.store.sweep(&all, &keep).unwrap().removed,
            [id("sn1"), id("sn4")]
        );
    }
}

#[test]
fn what_is_kept_but_not_there_is_no_obstacle() {
    let stage = stage();
    let all = stage.store.sealed().unwrap();
    let swept = stage.store.sweep(&all, &ids(["sn3", "elsewhere"])).unwrap();
    assert_eq!(swept.removed, [id("sn1"), id("sn4")]);
}
