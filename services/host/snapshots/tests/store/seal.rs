//! What is sealed reads back, and costs no more than what is new.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use roost_schemas::Digest;
use roost_schemas::snapshot::working_set::WorkingSet;
use roost_schemas::snapshot::{PAGE, Seal, file};
use roost_snapshots::{Dump, StoreError};

use crate::stage::{DRIVE, MEMORY, Stage, Still, about, complete, data, each, id, machine, write};

#[test]
fn what_is_sealed_reads_back() {
    let stage = Stage::new();
    let still = Still::some(1000);
    let sealed = stage.take("sn1", &still, None);
    assert_eq!(stage.read(&sealed.snapshot), still);
    let stage = stage.again();
    assert_eq!(stage.read(&sealed.snapshot), still, "by another process");
    let found = stage.store.find(&id("sn1")).unwrap().expect("it is sealed");
    assert_eq!(found.snapshot, sealed.snapshot);
    assert!(stage.store.find(&id("sn2")).unwrap().is_none());
}

#[test]
fn what_has_not_changed_is_read_once_in_a_life_of_the_host() {
    let stage = Stage::in_memory();
    let sealed = stage.take("sn1", &Still::some(1), None).snapshot;
    let pages = stage.file(&sealed.id, file::MEMORY_PAGES);
    let read = |stage: &Stage| {
        let before = fs::metadata(&pages).unwrap().accessed().unwrap();
        // More than the clock of the file system takes to go on.
        thread::sleep(Duration::from_millis(30));
        stage.store.check(&sealed).unwrap();
        fs::metadata(&pages).unwrap().accessed().unwrap() != before
    };
    assert!(!read(&stage), "what was written here is known");
    let stage = stage.again();
    assert!(read(&stage));
    assert!(!read(&stage));
    let same = fs::read(&pages).unwrap();
    fs::write(&pages, same).unwrap();
    assert!(read(&stage), "it may be another");
}

#[test]
fn the_seal_says_what_it_is_of() {
    let stage = Stage::new();
    let sealed = stage.take("sn1", &Still::some(1), None).snapshot;
    let bytes = fs::read(stage.file(&sealed.id, file::SEAL)).unwrap();
    assert_eq!(Digest::of(&bytes), sealed.seal);
    let opened = stage.store.check(&sealed).unwrap();
    assert_eq!(opened.seal, Seal::decode(&bytes).unwrap());
    let seal = &opened.seal;
    assert_eq!((&seal.machine, seal.resources), (&machine(), about().resources));
    assert_eq!((seal.taken_at, &seal.image), (about().taken_at, &about().image));
    opened.stands_on("the digest of minimal").unwrap();
    let other = opened.stands_on("another").unwrap_err();
    assert!(
        matches!(other, StoreError::Unfit { what: "image", .. }),
        "{other}"
    );
    let mode = fs::metadata(stage.store.folder()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(!stage.file(&sealed.id, "memory.dump").exists());
}

#[test]
fn only_what_has_changed_is_stored() {
    let stage = Stage::new();
    let mut still = Still::some(1);
    let first = stage.take("sn1", &still, None).snapshot;
    let unchanged = stage.take("sn2", &still, Some(&first)).snapshot;
    assert_eq!(pages(&stage, "sn1"), (4, 4));
    assert_eq!(pages(&stage, "sn2"), (0, 0));
    assert!(unchanged.stored_bytes + 8 * PAGE <= first.stored_bytes);
    assert_eq!(
        (first.sources, unchanged.sources),
        (2, 2),
        "an empty generation is not named"
    );

    still.memory[7] = 50;
    still.memory[0] = 0;
    still.drive[1] = 0;
    still.drive[50] = 51;
    let second = stage.take("sn3", &still, Some(&unchanged)).snapshot;
    assert_eq!(
        pages(&stage, "sn3"),
        (1, 1),
        "a page that became zero is not stored"
    );
    assert_eq!(second.sources, 4);
    assert_eq!(stage.read(&second), still);
    assert_eq!(stage.read(&first), Still::some(1));
}

/// Pages in the generation files of a snapshot.
fn pages(stage: &Stage, name: &str) -> (u64, u64) {
    let pages = |file| fs::metadata(stage.file(&id(name), file)).unwrap().len() / PAGE;
    (pages(file::MEMORY_PAGES), pages(file::DISK_PAGES))
}

#[test]
fn a_hole_in_a_partial_dump_is_the_parents_unless_it_was_removed() {
    let stage = Stage::new();
    let mut still = Still::some(1);
    let first = stage.take("sn1", &still, None).snapshot;
    still.memory[1] = 0;
    still.memory[7] = 0;
    still.memory[8] = 9;
    // Page 1 was written with zeros, page 7 given back; 8 was given back and written again; 99 was only read.
    let dump = Dump {
        complete: false,
        removed: vec![7..10, 3..5, 7..8],
    };
    let memory = [(1, 0), (8, 9), (99, still.memory[99])];
    let second = stage
        .try_dump(&id("sn2"), &still.drive, Some(&first.id), &memory, &dump)
        .unwrap();
    assert_eq!(stage.read(&second.snapshot), still);
    assert_eq!(pages(&stage, "sn2"), (1, 0));
}

#[test]
fn what_cannot_become_a_snapshot_is_refused_and_gone() {
    let stage = Stage::new();
    let still = Still::some(1);
    let first = stage.take("sn1", &still, None).snapshot;
    let partial = |removed| Dump {
        complete: false,
        removed,
    };
    let memory: Vec<_> = data(&still.memory).collect();
    let refusal = |parent, dump: &Dump| {
        let sealed = stage.try_dump(&id("sn2"), &still.drive, parent, &memory, dump);
        let error = sealed.unwrap_err();
        assert_eq!(fs::read_dir(stage.store.folder()).unwrap().count(), 1, "{error}");
        error.to_string()
    };
    assert!(refusal(None, &partial(vec![])).contains("there is no parent"));
    let beyond = refusal(Some(&first.id), &partial(each([MEMORY])));
    assert!(beyond.contains("removed"), "{beyond}");
    assert!(refusal(Some(&id("sn9")), &complete()).contains("sn9 is not in"));
    let refusal = |prepare: &dyn Fn(&roost_snapshots::Draft)| {
        let draft = stage.store.draft(&id("sn2")).unwrap();
        fs::write(&draft.state, "state").unwrap();
        write(&draft.memory, MEMORY, []);
        let drive = stage.path("drive");
        write(&drive, DRIVE, []);
        prepare(&draft);
        let collected = stage.store.collect(&draft.id, &drive, Some(&first.id));
        let sealed = collected.and_then(|()| {
            stage
                .store
                .seal(&draft.id, &about(), Some(&first.id), &complete())
        });
        let error = sealed.unwrap_err();
        assert!(matches!(error, StoreError::Unsealable { .. }), "{error}");
        assert_eq!(fs::read_dir(stage.store.folder()).unwrap().count(), 1, "{error}");
        error.to_string()
    };
    assert!(refusal(&|draft| fs::remove_file(&draft.memory).unwrap()).contains("is missing"));
    assert!(refusal(&|draft| write(&draft.memory, MEMORY + 1, [])).contains("memory has 1048576"));
    assert!(refusal(&|draft| fs::remove_file(&draft.state).unwrap()).contains("is missing"));
    assert!(refusal(&|draft| fs::write(&draft.state, "").unwrap()).contains("written nothing"));
    assert!(
        refusal(&|_| write(&stage.path("drive"), DRIVE - 1, [])).contains("99 pages, but its parent has 100")
    );
    let cut = |_: &roost_snapshots::Draft| {
        let drive = fs::File::options().write(true).open(stage.path("drive")).unwrap();
        drive.set_len(DRIVE * PAGE - 1).unwrap();
    };
    assert!(refusal(&cut).contains("not whole pages"));
}

#[test]
fn a_seal_needs_the_drive() {
    let stage = Stage::new();
    let draft = stage.store.draft(&id("sn1")).unwrap();
    let error = stage
        .store
        .seal(&draft.id, &about(), None, &complete())
        .unwrap_err();
    assert!(error.to_string().contains("has not been collected"), "{error}");
    let error = stage
        .store
        .seal(&draft.id, &about(), None, &complete())
        .unwrap_err();
    assert!(error.to_string().contains("no such draft"), "{error}");
}

#[test]
fn a_working_set_is_handed_down_unless_it_is_damaged() {
    let stage = Stage::new();
    let first = stage.take("sn1", &Still::some(1), None).snapshot;
    let mut set = WorkingSet::default();
    set.add(3, 4);
    let opened = stage.store.check(&first).unwrap();
    assert!(!opened.working_set().exists());
    fs::write(opened.working_set(), set.encode()).unwrap();
    let second = stage.take("sn2", &Still::some(1), Some(&first)).snapshot;
    let handed = fs::read(stage.file(&second.id, file::WORKING_SET)).unwrap();
    assert_eq!(WorkingSet::decode(&handed), Some(set));
    fs::write(stage.file(&second.id, file::WORKING_SET), "nonsense").unwrap();
    let third = stage.take("sn3", &Still::some(1), Some(&second)).snapshot;
    assert!(!stage.file(&third.id, file::WORKING_SET).exists());
    stage.store.check(&second).expect("it is only a hint");
}
