//! Manifests that nothing here writes are refused, even with a good checksum; and so are changes that make none.

use roost_schemas::Digest;
use roost_schemas::snapshot::Kind;
use roost_schemas::snapshot::manifest::{Change, MAX_SOURCES, Manifest, ManifestError, View};

use crate::history::generation;

/// Two sources and four runs: pages 0 to 3 stand in `sn1`, 4 is zeros, 5 to 9 stand in `sn2`, the rest is zeros.
pub(crate) fn sample() -> Manifest {
    let zeros = Manifest::zeros(Kind::Disk, 16);
    let change = |first, count, at| Change {
        first,
        count,
        stored_at: Some(at),
    };
    let first = zeros.overlaid(generation(1), [change(0, 4, 0)]).unwrap();
    first.overlaid(generation(2), [change(5, 5, 7)]).unwrap()
}

/// What becomes of the sample with some bytes changed and the checksum made good again.
fn opened(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), ManifestError> {
    let mut bytes = sample().encode();
    bytes.truncate(bytes.len() - Digest::BYTES);
    change(&mut bytes);
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    View::open(&bytes).map(drop)
}

fn put<const N: usize>(at: usize, value: [u8; N]) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| bytes[at..at + N].copy_from_slice(&value)
}

/// Where source `number` begins.
fn source(number: usize) -> usize {
    40 + 80 * number
}

/// Where run `number` begins.
fn run(number: usize) -> usize {
    source(2) + 24 * number
}

#[test]
fn a_header_that_makes_no_sense_is_refused() {
    assert_eq!(opened(|_| {}), Ok(()));
    assert_eq!(opened(put(0, *b"ROOSTMEN")), Err(ManifestError::NotOne));
    assert_eq!(opened(|bytes| bytes.truncate(7)), Err(ManifestError::NotOne));
    assert_eq!(opened(put(8, [2, 0])), Err(ManifestError::Version { found: 2 }));
    let header = |at, value: u64, bytes: usize| {
        let error = opened(|all| all[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]));
        error.unwrap_err().to_string()
    };
    assert_eq!(header(10, 2, 1), "its kind is 2");
    assert_eq!(header(11, 1, 1), "its reserved field is 1");
    assert_eq!(header(12, 8192, 4), "its page size is 8192");
    assert_eq!(header(16, (1 << 32) + 1, 8), "its number of pages is 4294967297");
    assert_eq!(header(24, 4097, 4), "its number of sources is 4097");
    assert_eq!(header(28, 1, 4), "its reserved field is 1");
    assert_eq!(header(32, 17, 8), "its number of runs is 17");
    assert_eq!(
        header(32, u64::MAX, 8),
        format!("its number of runs is {}", u64::MAX)
    );
    assert_eq!(header(32, 3, 8), "it has 328 bytes instead of 304");
    assert_eq!(header(24, 4, 4), "it has 328 bytes instead of 488");
}

#[test]
fn sources_that_are_no_names_or_not_in_their_order_are_refused() {
    let refused = |change: &dyn Fn(&mut Vec<u8>)| opened(|bytes| change(bytes)).unwrap_err().to_string();
    assert!(refused(&|bytes| put(source(0), *b"../")(bytes)).contains("source 0"));
    assert!(refused(&|bytes| put(source(0), [0; 3])(bytes)).contains("source 0"));
    assert!(
        refused(&|bytes| put(source(1) + 10, *b"x")(bytes)).contains("source 1"),
        "padded with zeros"
    );
    assert!(refused(&|bytes| put(source(1), *b"sn1")(bytes)).contains("source 1 is named twice"));
    let swapped = refused(&|bytes| {
        let (one, two) = bytes[source(0)..source(2)].split_at_mut(80);
        one.swap_with_slice(two);
        put(run(0) + 12, [1, 0, 0, 0])(bytes);
        put(run(2) + 12, [0, 0, 0, 0])(bytes);
    });
    assert!(
        swapped.contains("source 0 is named twice, not used, or not where"),
        "{swapped}"
    );
    let unused = refused(&|bytes| {
        put(run(2) + 12, [0, 0, 0, 0])(bytes);
    });
    assert!(unused.contains("source 1 is named twice, not used"), "{unused}");
}

#[test]
fn runs_that_nothing_here_writes_are_refused() {
    let refused = |at, value: u64, bytes: usize| {
        let error = opened(|all| all[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]));
        error.unwrap_err().to_string()
    };
    assert_eq!(refused(run(1) + 8, 0, 4), "run 1 is empty");
    assert_eq!(
        refused(run(0), 1, 8),
        "run 0 does not begin where the one before ends"
    );
    assert_eq!(
        refused(run(2), 4, 8),
        "run 2 does not begin where the one before ends"
    );
    assert_eq!(
        refused(run(3) + 8, 5, 4),
        "run 4 is missing: the last page is not covered"
    );
    assert_eq!(
        refused(run(3) + 8, 7, 4),
        "run 4 is missing: the last page is not covered"
    );
    assert_eq!(
        refused(run(2) + 12, 2, 4),
        "run 2 stands in a source that is not named"
    );
    assert_eq!(refused(run(2) + 16, 596, 8), "run 2 leaves its source");
    assert_eq!(refused(run(2) + 16, u64::MAX, 8), "run 2 leaves its source");
    assert_eq!(
        refused(run(1) + 16, 1, 8),
        "run 1 is of zeros and yet stands somewhere"
    );
    let continued = opened(|bytes| {
        put(run(1) + 12, [0, 0, 0, 0])(bytes);
        put(run(1) + 16, [4])(bytes);
    });
    assert_eq!(
        continued.unwrap_err().to_string(),
        "run 1 continues the one before"
    );
}

#[test]
fn every_damaged_byte_is_noticed_and_every_cut() {
    let bytes = sample().encode();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(View::open(&flipped).is_err(), "byte {at}");
        assert!(View::open(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(View::open(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn changes_that_make_no_manifest_are_refused() {
    let change = |first, count, stored_at| Change {
        first,
        count,
        stored_at,
    };
    let lay = |changes: &[Change]| sample().overlaid(generation(3), changes.iter().copied());
    let misfit = |first, count| Err(ManifestError::Changes { first, count });
    assert_eq!(lay(&[change(16, 1, None)]), misfit(16, 1));
    assert_eq!(lay(&[change(15, 2, None)]), misfit(15, 2));
    assert_eq!(lay(&[change(u64::MAX, 2, None)]), misfit(u64::MAX, 2));
    assert_eq!(
        lay(&[change(2, 2, None), change(3, 1, None)]),
        misfit(3, 1),
        "they meet"
    );
    assert_eq!(
        lay(&[change(5, 1, None), change(3, 1, None)]),
        misfit(3, 1),
        "not sorted"
    );
    assert_eq!(
        lay(&[change(0, 2, Some(599))]),
        misfit(0, 2),
        "beyond its generation"
    );
    assert_eq!(lay(&[change(0, 2, Some(u64::MAX))]), misfit(0, 2));
    let again = sample().overlaid(generation(2), []);
    assert_eq!(
        again,
        Err(ManifestError::Sources { number: 1 }),
        "what is sealed never changes"
    );
}

#[test]
fn a_history_that_is_too_long_is_refused() {
    let pages = MAX_SOURCES as u64 + 1;
    let mut manifest = Manifest::zeros(Kind::Memory, pages);
    for page in 0..pages {
        let change = Change {
            first: page,
            count: 1,
            stored_at: Some(0),
        };
        match manifest.overlaid(generation(usize::try_from(page).unwrap()), [change]) {
            Ok(longer) => manifest = longer,
            Err(error) => {
                assert_eq!(
                    (page, error),
                    (
                        pages - 1,
                        ManifestError::TooManySources {
                            found: MAX_SOURCES + 1
                        }
                    )
                );
                return;
            }
        }
    }
    panic!("it names {} sources", manifest.sources().len());
}
