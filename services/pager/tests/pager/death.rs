//! Pager and engine end together, whichever is first.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;

use roost_schemas::snapshot::working_set::WorkingSet;
use roost_schemas::snapshot::{Kind, Manifest};
use tempfile::TempDir;

use crate::support::{Engine, Habit, Pager, Store, command};

const PAGES: usize = 64;

#[test]
fn the_end_of_the_engine_is_the_pagers() {
    let store = Store::full(PAGES);
    let mut pager = Pager::start(&store);
    let mut engine = Engine::start(&pager.socket(), PAGES);
    assert!(engine.read(0).is_some());
    engine.kill();
    assert!(pager.end().success());
}

#[test]
fn a_pager_that_is_told_to_end_takes_its_engine_along() {
    let store = Store::full(PAGES);
    let mut pager = Pager::start(&store);
    let mut engine = Engine::start(&pager.socket(), PAGES);
    assert!(engine.read(0).is_some());
    pager.terminate();
    assert!(engine.was_killed());
    assert!(pager.end().success());

    let mut alone = Pager::start(&store);
    alone.terminate();
    assert!(alone.end().success());
}

#[test]
fn a_pager_without_an_engine_does_not_wait_for_ever() {
    let store = Store::full(PAGES);
    let pager = Pager::with(&store, &["--patience-ms", "100"]);
    let word = pager.last_word();
    assert!(word.contains("no engine connected within 100ms"), "{word}");
}

#[test]
fn a_generation_that_is_cut_short_ends_the_engine_before_it_reads_anything_wrong() {
    let mut store = Store::full(PAGES);
    store.generation(&[(32, 16, true)]);
    let mut pager = Pager::start(&store);
    let mut engine = Engine::start(&pager.socket(), PAGES);
    assert_eq!(engine.read(40), Some(store.numbers[40] << 16));
    File::options()
        .write(true)
        .open(store.generation_file(1))
        .unwrap()
        .set_len(4096)
        .unwrap();
    assert_eq!(
        engine.read(0),
        Some(store.numbers[0] << 16),
        "what is there is served"
    );
    assert_eq!(engine.read(20), None);
    assert!(engine.was_killed());
    assert_eq!(pager.end().code(), Some(1));
    let word = pager.last_word();
    assert!(
        word.contains("cannot put page 20 in place from generation g1"),
        "{word}"
    );
}

/// A fault of the pager's own, which it does not survive: its engine does not either.
#[test]
fn a_manifest_that_is_cut_short_ends_the_engine_too() {
    let store = Store::full(PAGES);
    let mut pager = Pager::start(&store);
    let mut engine = Engine::start(&pager.socket(), PAGES);
    assert!(engine.read(0).is_some());
    File::create(store.manifest()).unwrap();
    assert_eq!(engine.read(20), None);
    assert!(engine.was_killed());
    assert_eq!(pager.end().signal(), Some(7), "SIGBUS");
}

#[test]
fn a_fault_that_cannot_be_answered_in_time_ends_the_engine() {
    let store = Store::full(PAGES);
    let pager = Pager::with(&store, &["--max-fault-ms", "200"]);
    // Its memory is on a file system without room for all of it.
    let mut engine = Engine::with(&pager.socket(), PAGES, Habit::NoRoom);
    assert_eq!(engine.read(15), Some(store.numbers[15] << 16));
    assert_eq!(engine.read(0), Some(store.numbers[0] << 16));
    engine.ask(32);
    let status = pager.until(|status| status.pending == 1 && status.oldest_fault_ms > 0);
    assert!(status.faults >= 2, "{status:?}");
    assert!(engine.was_killed());
    let word = pager.last_word();
    assert!(word.contains("the engine has waited"), "{word}");
    assert!(word.contains("for page 32"), "{word}");
}

#[test]
fn an_engine_that_waits_outside_its_regions_is_ended() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let mut engine = Engine::with(&pager.socket(), PAGES, Habit::HalfOfIt);
    assert!(engine.read(PAGES / 2 - 1).is_some());
    assert_eq!(engine.read(PAGES / 2), None);
    assert!(engine.was_killed());
    let word = pager.last_word();
    assert!(word.contains("which is not in its regions"), "{word}");
}

#[test]
fn an_engine_that_moves_its_memory_is_ended() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let mut engine = Engine::with(&pager.socket(), PAGES, Habit::Moves);
    assert_eq!(engine.read(1), None);
    assert!(engine.was_killed());
    let word = pager.last_word();
    assert!(word.contains("has moved its memory"), "{word}");
}

/// Its regions are not its memory: nothing can be put there.
#[test]
fn an_engine_without_the_memory_it_told_of_is_ended() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let mut set = WorkingSet::default();
    set.add(0, 1);
    fs::write(&file, set.encode()).unwrap();
    let store = Store::full(PAGES);
    let mut pager = Pager::with(&store, &["--prefetch", file.to_str().unwrap()]);
    let mut engine = Engine::with(&pager.socket(), PAGES, Habit::Lies);
    assert!(engine.was_killed());
    assert!(pager.end().success());
}

/// What a pager says that does not even begin.
fn refusal(store: &Store) -> String {
    let folder = TempDir::new().unwrap();
    let output = command(store, folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{:?}", output.status.signal());
    assert_eq!(output.stdout, b"");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "it made no sockets"
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_damaged_is_not_served_at_all() {
    let store = Store::full(PAGES);
    let generation = store.generation_file(1);
    let (whole, manifest) = (
        fs::read(&generation).unwrap(),
        fs::read(store.manifest()).unwrap(),
    );

    fs::write(&generation, &whole[..whole.len() - 1]).unwrap();
    let word = refusal(&store);
    assert!(word.contains("has 262143 bytes instead of 262144"), "{word}");
    fs::remove_file(&generation).unwrap();
    assert!(refusal(&store).contains("g1/memory.pages"));
    fs::create_dir(&generation).unwrap();
    assert!(refusal(&store).contains("it is not a regular file"));
    fs::remove_dir(&generation).unwrap();
    let elsewhere = store.path().join("elsewhere");
    fs::write(&elsewhere, &whole).unwrap();
    symlink(&elsewhere, &generation).unwrap();
    assert!(refusal(&store).contains("symbolic link"));
    fs::remove_file(&generation).unwrap();
    fs::write(&generation, &whole).unwrap();

    let mut flipped = manifest.clone();
    flipped[60] ^= 1;
    for bytes in [&flipped[..], &manifest[..manifest.len() / 2], b""] {
        fs::write(store.manifest(), bytes).unwrap();
        assert!(refusal(&store).contains("is not a manifest"));
    }
    let disk = Manifest::zeros(Kind::Disk, PAGES as u64).encode();
    fs::write(store.manifest(), disk).unwrap();
    assert!(refusal(&store).contains("describes Disk instead of memory"));
    fs::remove_file(store.manifest()).unwrap();
    assert!(refusal(&store).contains("cannot open"));
}
