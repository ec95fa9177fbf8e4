//! Arbitrary manifests of snapshots.
//!
//! Input: a manifest without its checksum, which is made good here: a damaged file is told by that, and what is wanted is
//! what a reader makes of anything else.

use roost_schemas::Digest;
use roost_schemas::snapshot::manifest::{Manifest, View};

/// Reads the input; what is read must be what would be written, and every lookup must stay inside.
pub fn run(input: &[u8]) {
    let sum = Digest::of(input);
    let bytes = [input, sum.as_bytes()].concat();
    let Ok(view) = View::open(&bytes) else {
        return;
    };
    let manifest = Manifest::decode(&bytes).expect("what opens decodes");
    assert!(manifest.encode() == bytes, "there is one way to write it");
    for run in manifest.runs() {
        for page in [run.first, run.end() - 1] {
            assert_eq!(manifest.lookup(page), Some(*run));
            assert_eq!(view.lookup(page), Some(*run));
        }
    }
    assert_eq!(view.lookup(view.pages()), None);
}
