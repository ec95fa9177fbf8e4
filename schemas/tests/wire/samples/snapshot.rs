//! The files of a snapshot: they outlive the release that wrote them.

use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::manifest::{Change, Source};
use roost_schemas::snapshot::working_set::WorkingSet;
use roost_schemas::snapshot::{Kind, Machine, Manifest, Part, SEAL_VERSION, Seal};
use roost_schemas::spec::Resources;
use roost_schemas::{Digest, Timestamp};

use super::{Sample, sample};

/// Of 24 pages, some in two generation files, some zeros in the middle of one.
fn manifest(kind: Kind) -> Manifest {
    let generation = |name: &str, pages| Source {
        snapshot: name.parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        pages,
    };
    let change = |first, count, stored_at| Change {
        first,
        count,
        stored_at,
    };
    let zeros = Manifest::zeros(kind, 24);
    let first = zeros.overlaid(generation("sn1", 12), [change(0, 12, Some(0))]);
    let changes = [change(2, 1, Some(0)), change(5, 3, None), change(20, 2, Some(1))];
    first.unwrap().overlaid(generation("sn2", 3), changes).unwrap()
}

fn seal() -> Seal {
    Seal {
        version: SEAL_VERSION,
        snapshot: "sn2".parse().unwrap(),
        taken_at: Timestamp(1_790_000_000_123),
        template: "minimal".parse().unwrap(),
        image: "blake3-blocks:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85".into(),
        resources: Resources {
            vcpus: 2,
            memory_mb: 512,
        },
        machine: Machine {
            engine: EngineKind::Qemu,
            engine_version: "0.1.0 on QEMU 7.2.22".into(),
            cpu: "x86_64 emulated".into(),
        },
        state: Part::of(b"the device state"),
        memory: Part::of(&manifest(Kind::Memory).encode()),
        disk: Part::of(&manifest(Kind::Disk).encode()),
    }
}

pub(super) fn all() -> Vec<Sample> {
    let mut set = WorkingSet::default();
    for (first, count) in [(7, 2), (9, 1), (3, 1), (4000, 500)] {
        set.add(first, count);
    }
    let whole = |bytes: &[u8]| WorkingSet::decode(bytes).ok_or("it is not whole");
    vec![
        sample(
            "snapshot.memory.manifest",
            manifest(Kind::Memory),
            Manifest::encode,
            Manifest::decode,
        ),
        sample(
            "snapshot.disk.manifest",
            manifest(Kind::Disk),
            Manifest::encode,
            Manifest::decode,
        ),
        sample("snapshot.seal.json", seal(), Seal::encode, Seal::decode),
        sample("snapshot.working-set", set, WorkingSet::encode, whole),
    ]
}
