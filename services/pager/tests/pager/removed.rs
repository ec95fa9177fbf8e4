//! What the guest gave back reads as zeros from then on, whatever the snapshot has there.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Backing, Guest, Pager, Store};

const BACKINGS: [Backing; 2] = [Backing::Anonymous, Backing::Shared];

#[test]
fn pages_given_back_are_zeros_whether_they_had_been_read_or_not() {
    let store = Store::full(64);
    for backing in BACKINGS {
        let pager = Pager::start(&store);
        let guest = Guest::served(backing, 64, &pager.socket());
        guest.expect(3, store.numbers[3]);
        guest.give_back(backing, 2, 4);
        guest.give_back(backing, 40, 10);
        assert_eq!(pager.removed(), [(2, 4), (40, 10)]);
        for page in 0..64 {
            let gone = (2..6).contains(&page) || (40..50).contains(&page);
            let number = if gone { 0 } else { store.numbers[page] };
            guest.expect(page, number);
        }
        assert_eq!(pager.removed(), [], "all of them were touched");
    }
}

#[test]
fn only_the_page_that_is_touched_comes_back() {
    let store = Store::full(64);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, 64, &pager.socket());
    guest.give_back(Backing::Anonymous, 8, 40);
    guest.touch(20);
    guest.touch(0);
    assert_eq!(pager.removed(), [(8, 12), (21, 27)]);
    guest.give_back(Backing::Anonymous, 20, 1);
    assert_eq!(pager.removed(), [(8, 40)]);
}

#[derive(Debug, Clone)]
enum Act {
    Read(usize),
    Write(usize),
    GiveBack(usize, usize),
}

const PAGES: usize = 96;

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..PAGES).prop_map(Act::Read),
        (0..PAGES).prop_map(Act::Write),
        (0..PAGES, 1..24usize).prop_map(|(first, count)| Act::GiveBack(first, count.min(PAGES - first))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_what_was_last_done_to_it(acts in vec(act(), 1..120), shared in any::<bool>()) {
        let mut store = Store::full(PAGES);
        store.generation(&[(10, 30, false), (50, 5, true)]);
        let pager = Pager::start(&store);
        let backing = BACKINGS[usize::from(shared)];
        let guest = Guest::served(backing, PAGES, &pager.socket());
        let first_word = |number: u64| number << 16;
        let mut words: Vec<u64> = store.numbers.iter().copied().map(first_word).collect();
        let mut removed = [false; PAGES];
        for (at, act) in acts.into_iter().enumerate() {
            match act {
                Act::Read(page) => {
                    prop_assert_eq!(guest.touch(page), words[page], "page {}", page);
                    removed[page] = false;
                }
                Act::Write(page) => {
                    words[page] = at as u64;
                    guest.write(page, words[page]);
                    removed[page] = false;
                }
                Act::GiveBack(first, count) => {
                    guest.give_back(backing, first, count);
                    words[first..first + count].fill(0);
                    removed[first..first + count].fill(true);
                }
            }
        }
        let mut told = [false; PAGES];
        for (first, count) in pager.removed() {
            (first..first + count).for_each(|page| told[usize::try_from(page).unwrap()] = true);
        }
        prop_assert_eq!(told, removed);
        for (page, word) in words.into_iter().enumerate() {
            prop_assert_eq!(guest.touch(page), word, "page {} at the end", page);
        }
    }
}
