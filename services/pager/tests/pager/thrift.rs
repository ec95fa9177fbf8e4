//! A pager costs its host little, whatever its VM does.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use crate::support::{Backing, Guest, PAGE, Pager, Store};

const PAGES: usize = 32 * 1024;
/// Its number in linux/capability.h.
const CAP_SYS_RESOURCE: u32 = 24;
/// Bytes of memory that nobody shares with it, see DESIGN.md.
const BAR: usize = 2 << 20;

/// Bytes of the pager's own memory: what is no file's, be it that it was once.
fn private(pager: &Pager) -> usize {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pager.pid())).unwrap();
    let kib = |name: &str| -> usize {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
    };
    (kib("Anonymous:") + kib("Swap:")) * 1024
}

#[test]
fn its_own_memory_stays_small_through_the_worst_a_guest_can_do() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("working-set");
    // Every page a run of its own, over as many generations as there are before compaction.
    let mut store = Store::zeros(PAGES);
    for generation in 0..32 {
        let changes: Vec<_> = (generation..PAGES)
            .step_by(64)
            .map(|page| (page, 1, true))
            .collect();
        store.generation(&changes);
    }
    let pager = Pager::with(
        &store,
        &["--record", file.to_str().unwrap(), "--block-pages", "1"],
    );
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    for page in (0..PAGES).rev() {
        assert_eq!(guest.touch(page), store.numbers[page] << 16);
    }
    for page in (0..PAGES).step_by(2) {
        guest.give_back(Backing::Anonymous, page, 1);
    }
    assert_eq!(pager.removed().len(), PAGES / 2);
    let bytes = private(&pager);
    assert!(bytes <= BAR, "{} KiB are its own", bytes / 1024);
}

#[test]
fn it_keeps_what_it_needs_and_nothing_that_it_was_started_with() {
    let store = Store::full(16);
    // A descriptor that whoever starts the pager has forgotten to close.
    let forgotten = File::open(store.manifest()).unwrap();
    rustix::io::fcntl_setfd(&forgotten, rustix::io::FdFlags::empty()).unwrap();
    assert!(forgotten.as_raw_fd() > 2);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, 16, &pager.socket());
    guest.expect(0, store.numbers[0]);
    pager.status();
    thread::sleep(Duration::from_millis(50));
    let targets: Vec<String> = fs::read_dir(format!("/proc/{}/fd", pager.pid()))
        .unwrap()
        .map(|entry| {
            fs::read_link(entry.unwrap().path())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    let count = |part: &str| targets.iter().filter(|target| target.contains(part)).count();
    assert_eq!(count("memory"), 0, "{targets:?}");
    assert_eq!(count("/dev/null"), 2, "{targets:?}");
    assert_eq!(count("[userfaultfd]"), 1, "{targets:?}");
    assert_eq!(count("[signalfd]"), 1, "{targets:?}");
    assert_eq!(count("[eventpoll]"), 1, "{targets:?}");
    assert_eq!(count("pidfd"), 1, "{targets:?}");
    assert_eq!(
        count("socket:"),
        2,
        "the engine's connection and the listener for questions: {targets:?}"
    );
    assert!(targets.len() <= 9, "{targets:?}");
    assert_eq!(PAGE, 4096);
}

#[test]
fn it_dies_for_want_of_memory_after_its_engine_only() {
    let store = Store::full(16);
    let pager = Pager::start(&store);
    let adjustment = |pid: &str| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    // Where even root may not lower it, nothing is changed.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .unwrap();
    let may = u64::from_str_radix(line.trim(), 16).unwrap() >> CAP_SYS_RESOURCE & 1 == 1;
    let expected = if may {
        "-900\n".to_owned()
    } else {
        adjustment("self")
    };
    assert_eq!(adjustment(&pager.pid().to_string()), expected);
}
