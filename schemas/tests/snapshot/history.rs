//! Whatever is laid over a manifest, it says of every page where that stands, and says it in one way.

use proptest::collection::vec;
use proptest::prelude::*;
use roost_schemas::Digest;
use roost_schemas::snapshot::Kind;
use roost_schemas::snapshot::manifest::{Change, Manifest, Place, Source, View};

/// Pages of what is described here.
const PAGES: u64 = 60;

/// What one generation changes: from which page on, how many, and whether to zeros. It is made sorted and apart.
type Round = Vec<(u64, u64, bool)>;

pub(crate) fn rounds() -> impl Strategy<Value = Vec<Round>> {
    vec(vec((0..PAGES, 1..12u64, any::<bool>()), 0..8), 0..6)
}

/// The generation file of a round, with more pages in it than anything here needs.
pub(crate) fn generation(round: usize) -> Source {
    Source {
        snapshot: format!("sn{round}").parse().unwrap(),
        digest: Digest::of(&round.to_le_bytes()),
        pages: 10 * PAGES,
    }
}

/// Changes that can be laid over something; stored pages stand one behind the other.
fn changes(round: &Round) -> Vec<Change> {
    let mut sorted = round.clone();
    sorted.sort_unstable();
    let (mut next, mut stored) = (0, 3);
    let mut changes = Vec::new();
    for (first, count, zeros) in sorted {
        let first = first.max(next);
        let count = count.min(PAGES.saturating_sub(first));
        if count == 0 {
            continue;
        }
        let stored_at = (!zeros).then_some(stored);
        stored += if zeros { 0 } else { count };
        next = first + count;
        changes.push(Change {
            first,
            count,
            stored_at,
        });
    }
    changes
}

/// Where every page stands: the round and the page in its generation file, or nothing for zeros.
type Pages = Vec<Option<(usize, u64)>>;

fn apply(pages: &mut Pages, round: usize, changes: &[Change]) {
    for change in changes {
        for offset in 0..change.count {
            let page = usize::try_from(change.first + offset).unwrap();
            pages[page] = change.stored_at.map(|at| (round, at + offset));
        }
    }
}

/// All rounds laid over each other, and what has to come of it.
pub(crate) fn history(rounds: &[Round]) -> (Manifest, Pages) {
    let mut manifest = Manifest::zeros(Kind::Memory, PAGES);
    let mut pages = vec![None; usize::try_from(PAGES).unwrap()];
    for (number, round) in rounds.iter().enumerate() {
        let changes = changes(round);
        apply(&mut pages, number, &changes);
        manifest = manifest.overlaid(generation(number), changes).unwrap();
    }
    (manifest, pages)
}

/// Where a page stands by name, not by number.
fn named(sources: &[Source], place: Place) -> Option<(Source, u64)> {
    match place {
        Place::Zero => None,
        Place::Source { source, page } => Some((sources[source as usize].clone(), page)),
    }
}

proptest! {
    #[test]
    fn every_page_is_where_it_was_put_last(rounds in rounds()) {
        let (manifest, pages) = history(&rounds);
        let bytes = manifest.encode();
        let view = View::open(&bytes).unwrap();
        let sources = view.sources().unwrap();
        for (page, expected) in (0..).zip(&pages) {
            let run = manifest.lookup(page).unwrap();
            prop_assert!(run.first <= page && page < run.end());
            let scanned = view.runs().find(|run| run.first <= page && page < run.end());
            prop_assert_eq!(scanned, Some(run), "a lookup finds what a scan finds");
            prop_assert_eq!(view.lookup(page), Some(run));
            let expected = expected.map(|(round, at)| (generation(round), at));
            prop_assert_eq!(named(&sources, run.from(page).place), expected, "page {}", page);
        }
        prop_assert_eq!((manifest.lookup(PAGES), view.lookup(PAGES)), (None, None));
        let stored = pages.iter().flatten().count() as u64;
        prop_assert_eq!(manifest.stored_pages(), stored);
    }

    #[test]
    fn it_reads_back_as_it_was_written(rounds in rounds()) {
        let (manifest, _) = history(&rounds);
        let decoded = Manifest::decode(&manifest.encode()).unwrap();
        prop_assert_eq!(&decoded, &manifest);
        prop_assert_eq!(decoded.encode(), manifest.encode());
    }

    #[test]
    fn a_change_in_pieces_is_the_same_change(rounds in rounds(), last in vec((0..PAGES, 1..12u64, any::<bool>()), 0..8)) {
        let (manifest, _) = history(&rounds);
        let whole = changes(&last);
        let pieces = whole.iter().flat_map(|change| (0..change.count).map(|offset| Change {
            first: change.first + offset,
            count: 1,
            stored_at: change.stored_at.map(|at| at + offset),
        }));
        let one = manifest.overlaid(generation(99), pieces).unwrap();
        prop_assert_eq!(one, manifest.overlaid(generation(99), whole).unwrap());
    }

    #[test]
    fn changes_that_do_not_meet_can_be_laid_in_either_order(rounds in rounds(), all in vec((0..PAGES, 1..12u64, any::<bool>()), 0..8), split in any::<u64>()) {
        let (manifest, _) = history(&rounds);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for (number, change) in changes(&all).into_iter().enumerate() {
            if split >> number & 1 == 0 { one.push(change) } else { other.push(change) }
        }
        let lay = |manifest: &Manifest, round, changes: &[Change]| {
            manifest.overlaid(generation(round), changes.iter().copied()).unwrap()
        };
        let (first, second) = (lay(&manifest, 98, &one), lay(&manifest, 99, &other));
        prop_assert_eq!(lay(&first, 99, &other), lay(&second, 98, &one), "one content, one way to say it");
    }

    #[test]
    fn what_is_laid_over_everything_is_all_there_is(rounds in rounds(), zeros in any::<bool>()) {
        let (manifest, _) = history(&rounds);
        let all = Change { first: 0, count: PAGES, stored_at: (!zeros).then_some(0) };
        let over = manifest.overlaid(generation(99), [all]).unwrap();
        prop_assert_eq!(over.runs().len(), 1);
        prop_assert_eq!(over.sources().len(), usize::from(!zeros));
        let nothing = manifest.overlaid(generation(99), []).unwrap();
        prop_assert_eq!(nothing, manifest, "a generation that nothing stands in is not named");
    }
}

#[test]
fn there_is_no_end_to_how_long_a_run_of_zeros_can_be() {
    let longest = Manifest::zeros(Kind::Disk, u64::MAX);
    assert_eq!(longest.pages(), 1 << 32);
    assert_eq!(longest.runs().len(), 2, "a run's length has 32 bits");
    let again = Manifest::decode(&longest.encode()).unwrap();
    assert_eq!(again, longest);
    let change = |first| Change {
        first,
        count: 1,
        stored_at: Some(0),
    };
    let last = longest.overlaid(generation(1), [change((1 << 32) - 1)]).unwrap();
    assert_eq!(last.lookup((1 << 32) - 2).unwrap().place, Place::Zero);
    assert_eq!(last.lookup((1 << 32) - 1).unwrap().first, (1 << 32) - 1);
    let empty = Manifest::zeros(Kind::Disk, 0);
    assert_eq!(Manifest::decode(&empty.encode()).unwrap(), empty);
    assert_eq!(empty.lookup(0), None);
}
