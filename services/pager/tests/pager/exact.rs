//! Every page reads as the manifest says, whatever its history and the order of the faults.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Backing, Guest, Pager, Store};

const PAGES: usize = 300;

/// Runs of changes, sorted and apart, of which one in three is zeros.
fn generation() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    vec((0..40usize, 1..40usize, 0..3u8), 1..12).prop_map(|parts| {
        let mut next = 0;
        let mut runs = Vec::new();
        for (gap, count, kind) in parts {
            let first = next + gap;
            let count = count.min(PAGES.saturating_sub(first));
            if count == 0 {
                break;
            }
            runs.push((first, count, kind > 0));
            next = first + count;
        }
        runs
    })
}

fn store(generations: &[Vec<(usize, usize, bool)>]) -> Store {
    let mut store = Store::zeros(PAGES);
    for changes in generations {
        store.generation(changes);
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_back_in_any_order(
        generations in vec(generation(), 0..20),
        order in Just((0..PAGES).collect::<Vec<_>>()).prop_shuffle(),
        shared in any::<bool>(),
        block in prop_oneof![Just("1"), Just("16"), Just("64")],
    ) {
        let store = store(&generations);
        let pager = Pager::with(&store, &["--block-pages", block]);
        let backing = if shared { Backing::Shared } else { Backing::Anonymous };
        let guest = Guest::served(backing, PAGES, &pager.socket());
        for page in order {
            guest.expect(page, store.numbers[page]);
        }
        let status = pager.status();
        prop_assert_eq!(status.copied_pages + status.zero_pages, PAGES as u64, "{:?}", status);
        prop_assert!(status.faults > 0 && status.pending == 0, "{:?}", status);
    }
}

/// A guest with a hole between its regions, as one has around 4 GiB, and the second before the first in memory.
#[test]
fn regions_need_not_be_in_order_nor_all_of_the_memory() {
    let store = Store::full(100);
    let pager = Pager::start(&store);
    let mut guest = Guest::new(Backing::Anonymous, 110);
    let regions = json!([guest.region(60, 50, 0), guest.region(0, 40, 50)]);
    guest.connect(&pager.socket(), &regions);
    for page in 0..50 {
        guest.expect(60 + page, store.numbers[page]);
    }
    for page in 0..40 {
        guest.expect(page, store.numbers[50 + page]);
    }
    let status = pager.status();
    assert_eq!(status.copied_pages, 90);
    assert_eq!(status.engine, i32::try_from(std::process::id()).ok());
}

#[test]
fn what_was_written_before_is_left_alone() {
    let store = Store::full(32);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Shared, 32, &pager.socket());
    guest.write(5, 7);
    assert_eq!(guest.touch(5), 7);
    guest.expect(4, store.numbers[4]);
    guest.expect(6, store.numbers[6]);
    assert_eq!(guest.touch(5), 7, "fault-around does not write over it");
}

#[test]
fn the_faulting_page_brings_its_block_along_and_no_more() {
    let store = Store::full(64);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, 64, &pager.socket());
    guest.touch(20);
    let status = pager.until(|status| status.faults == 1);
    assert_eq!(status.copied_pages, 12, "up to the end of its 64 KiB");
    guest.touch(16);
    let status = pager.until(|status| status.faults == 2);
    assert_eq!(status.copied_pages, 16, "up to what is there");
    (16..32).for_each(|page| guest.expect(page, store.numbers[page]));
    assert_eq!(pager.status().faults, 2);
}
