//! Many threads, and many VMs of one snapshot, at once.

use std::thread;

use crate::support::{Backing, Guest, Pager, Store};

const PAGES: usize = 512;
const THREADS: usize = 8;

/// All want the same pages at the same time, so that most find them in place already: nobody must be left waiting.
#[test]
fn threads_that_fault_on_the_same_pages_all_go_on() {
    let store = Store::full(PAGES);
    for backing in [Backing::Anonymous, Backing::Shared] {
        for block in ["1", "16"] {
            let pager = Pager::with(&store, &["--block-pages", block]);
            let guest = Guest::served(backing, PAGES, &pager.socket());
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        for page in 0..PAGES {
                            assert_eq!(guest.touch(page), store.numbers[page] << 16);
                        }
                    });
                }
            });
            assert_eq!(pager.status().copied_pages, PAGES as u64);
        }
    }
}

#[test]
fn clones_of_one_snapshot_are_served_side_by_side() {
    let store = Store::full(PAGES);
    let clones: Vec<_> = (0..6)
        .map(|_| {
            let pager = Pager::start(&store);
            let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
            (pager, guest)
        })
        .collect();
    thread::scope(|scope| {
        for (at, (_, guest)) in clones.iter().enumerate() {
            for thread in 0..4 {
                let numbers = &store.numbers;
                scope.spawn(move || {
                    for step in 0..PAGES {
                        let page = (step * 37 + thread * 101 + at) % PAGES;
                        guest.expect(page, numbers[page]);
                    }
                });
            }
        }
    });
    for (at, (_, guest)) in clones.iter().enumerate() {
        (0..4).for_each(|page| guest.write(page, at as u64));
    }
    for (at, (_, guest)) in clones.iter().enumerate() {
        (0..4).for_each(|page| assert_eq!(guest.touch(page), at as u64, "they share no page"));
    }
}

/// While one thread gives pages back, nothing can be put in place anywhere: those faults are tried again.
#[test]
fn faults_that_meet_a_removal_are_answered_after_it() {
    let store = Store::full(PAGES);
    for backing in [Backing::Anonymous, Backing::Shared] {
        let pager = Pager::with(&store, &["--block-pages", "1"]);
        let guest = Guest::served(backing, PAGES, &pager.socket());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (guest, store) = (&guest, &store);
                // Each has pages of its own, in between those of the others.
                scope.spawn(move || {
                    for page in (thread..PAGES).step_by(THREADS) {
                        assert_eq!(guest.touch(page), store.numbers[page] << 16, "page {page}");
                        guest.give_back(backing, page, 1);
                        assert_eq!(guest.touch(page), 0, "page {page} was given back");
                        guest.write(page, 5);
                        guest.give_back(backing, page, 1);
                        guest.write(page, page as u64);
                    }
                });
            }
        });
        (0..PAGES).for_each(|page| assert_eq!(guest.touch(page), page as u64));
        let status = pager.status();
        assert_eq!((status.pending, status.oldest_fault_ms), (0, 0));
    }
}
