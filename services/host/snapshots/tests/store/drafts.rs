//! What is not sealed is not there: drafts, and what a crash leaves.

use std::fs;

use roost_snapshots::StoreError;

use crate::disk::MemoryDisk;
use crate::stage::{Stage, Still, id, open};

fn folders(stage: &Stage) -> Vec<String> {
    let entries = fs::read_dir(stage.store.folder()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_a_crash_left_half_done_is_removed_and_the_rest_stays() {
    let stage = Stage::new();
    let sealed = stage.take("sn1", &Still::some(1), None);
    let draft = stage.store.draft(&id("sn2")).unwrap();
    fs::write(&draft.memory, "half").unwrap();
    let store = stage.store.folder();
    fs::create_dir(store.join(".trash-sn3")).unwrap();
    fs::write(store.join(".trash-sn3/memory.pages"), "").unwrap();
    fs::create_dir(store.join("lost+found")).unwrap();
    fs::write(store.join("sn4"), "not a folder").unwrap();
    let stage = stage.again();
    assert_eq!(folders(&stage), ["lost+found", "sn1", "sn4"]);
    assert_eq!(stage.store.sealed().unwrap(), [id("sn1")].into());
    assert_eq!(stage.read(&sealed.snapshot), Still::some(1));
}

#[test]
fn a_file_system_without_exact_holes_is_refused() {
    let disk = MemoryDisk::without_holes();
    let error = open(&disk.path().join("store")).unwrap_err();
    assert!(matches!(error, StoreError::CoarseHoles { .. }), "{error}");
}

#[test]
fn a_draft_is_begun_anew_and_discarded_as_often_as_one_likes() {
    let stage = Stage::new();
    let draft = stage.store.draft(&id("sn1")).unwrap();
    fs::write(&draft.memory, "half").unwrap();
    assert_eq!(stage.store.pinned(), [id("sn1")].into());
    let again = stage.store.draft(&id("sn1")).unwrap();
    assert_eq!(again, draft);
    assert!(!draft.memory.exists());
    assert_eq!(stage.store.sealed().unwrap(), [].into(), "a draft is not sealed");
    for _ in 0..2 {
        stage.store.discard(&id("sn1")).unwrap();
    }
    assert_eq!(folders(&stage), [""; 0]);
    assert_eq!(stage.store.pinned(), [].into());
}

#[test]
fn what_is_sealed_is_not_drafted_again() {
    let stage = Stage::new();
    let sealed = stage.take("sn1", &Still::some(1), None);
    let error = stage.store.draft(&id("sn1")).unwrap_err();
    assert!(matches!(error, StoreError::Sealed { .. }), "{error}");
    assert_eq!(stage.read(&sealed.snapshot), Still::some(1));
    drop(sealed);
    assert_eq!(stage.store.pinned(), [].into(), "nothing is left pinned");
}
