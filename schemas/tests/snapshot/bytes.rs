//! Whatever bytes are read, reading them ends in a value or an error; and what is read is what would be written.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roost_schemas::Digest;
use roost_schemas::Timestamp;
use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::working_set::WorkingSet;
use roost_schemas::snapshot::{Machine, Manifest, Part, SEAL_VERSION, Seal};
use roost_schemas::spec::Resources;

use crate::history::{history, rounds};

fn seal() -> Seal {
    Seal {
        version: SEAL_VERSION,
        snapshot: "sn1".parse().unwrap(),
        taken_at: Timestamp(1_790_000_000_123),
        template: "minimal".parse().unwrap(),
        image: "blake3-blocks:00".into(),
        resources: Resources {
            vcpus: 1,
            memory_mb: 512,
        },
        machine: Machine {
            engine: EngineKind::Qemu,
            engine_version: "7.2".into(),
            cpu: "one".into(),
        },
        state: Part::of(b"state"),
        memory: Part::of(b"memory"),
        disk: Part::of(b"disk"),
    }
}

/// What becomes of the bytes: changed, taken out, put in.
type Edits = Vec<(Index, u8, u8)>;

fn edits() -> impl Strategy<Value = Edits> {
    vec((any::<Index>(), any::<u8>(), 0..4u8), 1..6)
}

fn edited(mut bytes: Vec<u8>, edits: &Edits) -> Vec<u8> {
    for (index, byte, how) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = index.index(bytes.len());
        match how {
            0 | 1 => bytes[at] = *byte,
            2 => bytes.insert(at, *byte),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

/// Edits everything before the checksum, and makes that good again: deeper in than noise gets.
fn forged(bytes: &[u8], edits: &Edits) -> Vec<u8> {
    let mut bytes = edited(bytes[..bytes.len() - Digest::BYTES].to_vec(), edits);
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

/// What is read must be what is written for it, to the byte.
fn read(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(manifest) = Manifest::decode(bytes) {
        prop_assert_eq!(manifest.encode(), bytes);
        for page in [0, 1, manifest.pages() / 2, manifest.pages().saturating_sub(1)] {
            prop_assert_eq!(manifest.lookup(page).is_some(), page < manifest.pages());
        }
    }
    if let Some(set) = WorkingSet::decode(bytes) {
        prop_assert_eq!(set.encode(), bytes);
    }
    if let Ok(seal) = Seal::decode(bytes) {
        prop_assert_eq!(Seal::decode(&seal.encode()), Ok(seal));
    }
    Ok(())
}

proptest! {
    #[test]
    fn noise_is_refused(bytes in vec(any::<u8>(), 0..512)) {
        read(&bytes)?;
    }

    #[test]
    fn a_forged_manifest_is_refused_or_as_it_is_written(rounds in rounds(), edits in edits()) {
        read(&forged(&history(&rounds).0.encode(), &edits))?;
    }

    #[test]
    fn a_forged_working_set_is_refused_or_as_it_is_written(runs in vec((any::<u32>(), any::<u32>()), 0..20), edits in edits()) {
        let mut set = WorkingSet::default();
        for (first, count) in runs {
            set.add(first, count);
        }
        prop_assert_eq!(WorkingSet::decode(&set.encode()), Some(set.clone()));
        read(&forged(&set.encode(), &edits))?;
    }

    #[test]
    fn a_damaged_seal_is_refused_or_another_seal(edits in edits()) {
        read(&edited(seal().encode(), &edits))?;
    }
}

#[test]
fn a_seal_is_read_only_in_its_version_and_size() {
    let reading = |change: &dyn Fn(&mut Seal)| {
        let mut seal = seal();
        change(&mut seal);
        Seal::decode(&seal.encode()).map_err(|error| error.to_string())
    };
    assert_eq!(reading(&|_| {}), Ok(seal()));
    let newer = reading(&|seal| seal.version = SEAL_VERSION + 1).unwrap_err();
    assert!(newer.contains("upgrade this reader"), "{newer}");
    assert!(
        reading(&|seal| seal.version = 0)
            .unwrap_err()
            .contains("no release has written version 0")
    );
    let long = reading(&|seal| seal.image = "x".repeat(Seal::MAX_BYTES)).unwrap_err();
    assert!(long.contains("at most 65536 bytes"), "{long}");
    let mut more: serde_json::Value = serde_json::from_slice(&seal().encode()).unwrap();
    more["unknown"] = 1.into();
    assert!(
        Seal::decode(more.to_string().as_bytes()).is_err(),
        "who wrote that wanted something of it"
    );
}
