//! What one VM wanted first, the next one has already.

use std::fs;
use std::path::Path;

use roost_pager::control::{self, Request, Status};
use roost_schemas::snapshot::working_set::WorkingSet;
use tempfile::TempDir;

use crate::support::{Backing, Engine, Guest, PATIENCE, Pager, Store};

const PAGES: usize = 4096;

/// Pages here and there, as a guest wants them.
fn wanted() -> impl Iterator<Item = usize> {
    (0..400).map(|step| (step * 1021 + 7) % PAGES)
}

fn save(pager: &Pager) -> std::io::Result<Status> {
    control::ask(&pager.control(), Request::SaveWorkingSet, PATIENCE)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_repeat_finds_nearly_all_in_place() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let mut store = Store::full(PAGES);
    store.generation(&[(100, 600, false), (2000, 1000, true)]);
    let first = Pager::with(&store, &["--record", text(&file)]);
    let guest = Guest::served(Backing::Anonymous, PAGES, &first.socket());
    wanted().for_each(|page| guest.expect(page, store.numbers[page]));
    let before = save(&first).unwrap();
    let set = WorkingSet::decode(&fs::read(&file).unwrap()).unwrap();
    let listed: u64 = set.runs().iter().map(|(_, count)| u64::from(*count)).sum();
    assert_eq!(listed, before.copied_pages + before.zero_pages);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left"
    );

    let again = folder.path().join("again");
    let second = Pager::with(&store, &["--prefetch", text(&file), "--record", text(&again)]);
    let guest = Guest::served(Backing::Anonymous, PAGES, &second.socket());
    let status = second.until(|status| status.prefetched_pages == listed);
    assert_eq!(status.faults, 0);
    wanted().for_each(|page| guest.expect(page, store.numbers[page]));
    let after = second.status();
    assert!(
        after.faults * 10 <= before.faults,
        "{} of {} faults are left",
        after.faults,
        before.faults
    );
    guest.touch(5);
    save(&second).unwrap();
    let set = WorkingSet::decode(&fs::read(&again).unwrap()).unwrap();
    assert!(
        set.runs().len() > 1,
        "what is put ahead is wanted by the next one too"
    );
}

#[test]
fn faults_are_answered_in_between() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let store = Store::full(PAGES);
    let mut set = WorkingSet::default();
    set.add(0, u32::try_from(PAGES).unwrap());
    fs::write(&file, set.encode()).unwrap();
    let pager = Pager::with(&store, &["--prefetch", text(&file)]);
    let guest = Guest::served(Backing::Shared, PAGES, &pager.socket());
    for page in (0..PAGES).rev() {
        guest.expect(page, store.numbers[page]);
    }
    let status = pager.until(|status| status.copied_pages == PAGES as u64);
    assert!(status.prefetched_pages > 0);
}

#[test]
fn what_was_given_back_is_not_put_in_place_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let store = Store::full(PAGES);
    let mut set = WorkingSet::default();
    (0..PAGES).for_each(|page| set.add(u32::try_from(page).unwrap(), 1));
    fs::write(&file, set.encode()).unwrap();
    let pager = Pager::with(&store, &["--prefetch", text(&file)]);
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    guest.give_back(Backing::Anonymous, 0, PAGES);
    assert_eq!(pager.removed(), [(0, PAGES as u64)]);
    (0..PAGES).for_each(|page| assert_eq!(guest.touch(page), 0));
}

#[test]
fn it_is_written_down_when_the_engine_ends() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let store = Store::full(64);
    let mut pager = Pager::with(&store, &["--record", text(&file)]);
    let mut engine = Engine::start(&pager.socket(), 64);
    assert!(engine.read(40).is_some());
    engine.kill();
    assert!(pager.end().success());
    let set = WorkingSet::decode(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(set.runs(), [(40, 8)]);
}

/// It is a hint: a VM runs without it as well.
#[test]
fn one_that_cannot_be_read_or_written_stops_nobody() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    let store = Store::full(64);
    let mut beyond = WorkingSet::default();
    beyond.add(60, 1000);
    beyond.add(u32::MAX, 7);
    for bytes in [b"not one".to_vec(), Vec::new(), vec![0; 1 << 20], beyond.encode()] {
        fs::write(&file, bytes).unwrap();
        let nowhere = folder.path().join("no folder/working-set");
        let pager = Pager::with(&store, &["--prefetch", text(&file), "--record", text(&nowhere)]);
        let guest = Guest::served(Backing::Anonymous, 64, &pager.socket());
        (0..64).for_each(|page| guest.expect(page, store.numbers[page]));
        assert!(save(&pager).is_err());
        assert_eq!(pager.status().copied_pages, 64);
    }
}
