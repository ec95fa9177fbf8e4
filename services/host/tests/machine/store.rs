//! What the host makes of its store: which template has a boot snapshot, and how a snapshot that cannot be used is told.

use std::sync::Arc;

use roost_host::disk::Images;
use roost_host::machine::RealSnapshots;
use roost_runtime::port::{Fault, Snapshots};
use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::{Machine, Snapshot, file};
use roost_schemas::spec::Resources;
use roost_schemas::{Digest, SnapshotId, TemplateName};
use roost_snapshots::Store;

struct Shelf {
    snapshots: RealSnapshots,
    folder: tempfile::TempDir,
}

/// A store on a machine with this engine and processor.
fn shelf(engine_version: &str, cpu: &str) -> Shelf {
    let folder = tempfile::tempdir().unwrap();
    let images = Images::open(&crate::parts::images()).unwrap();
    let machine = Machine {
        engine: EngineKind::Qemu,
        engine_version: engine_version.to_owned(),
        cpu: cpu.to_owned(),
    };
    let store = Store::open(folder.path(), "testhost".parse().unwrap(), machine.clone()).unwrap();
    Shelf {
        snapshots: RealSnapshots::new(Arc::new(store), &images, machine),
        folder,
    }
}

fn named(name: &str) -> TemplateName {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_template_has_one_boot_snapshot_for_each_machine_and_its_own_resources() {
    let images = Images::open(&crate::parts::images()).unwrap();
    let (_, minimal) = images
        .registrations()
        .into_iter()
        .find(|(name, _)| *name == named("minimal"))
        .unwrap();
    let of = async |shelf: &Shelf, name: &str, resources| {
        let id = shelf.snapshots.of_boot(&named(name), resources).await;
        id.unwrap()
    };
    let here = shelf("1", "a");
    let id = of(&here, "minimal", minimal.defaults).await;
    assert!(id.is_some());
    assert_eq!(id, of(&shelf("1", "a"), "minimal", minimal.defaults).await);
    for other in [shelf("2", "a"), shelf("1", "b")] {
        assert_ne!(id, of(&other, "minimal", minimal.defaults).await);
    }
    let larger = Resources {
        memory_mb: minimal.defaults.memory_mb * 2,
        ..minimal.defaults
    };
    assert_eq!(of(&here, "minimal", larger).await, None);
    assert_eq!(of(&here, "nobodys", minimal.defaults).await, None);
    assert!(here.snapshots.kept().await.unwrap().contains(&id.unwrap()));
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_used_is_told_so_for_good() {
    let shelf = shelf("1", "a");
    let snapshot = Snapshot {
        id: SnapshotId::new("snlost").unwrap(),
        host: "testhost".parse().unwrap(),
        seal: Digest::of(b"what the log has"),
        stored_bytes: 0,
        sources: 0,
    };
    let hopeless = |fault: Fault| {
        assert_eq!(fault.unusable.as_ref(), Some(&snapshot.id), "{fault}");
        fault.detail
    };
    let detail = hopeless(shelf.snapshots.open(&snapshot).await.unwrap_err());
    assert!(detail.contains("snlost"), "{detail}");
    hopeless(shelf.snapshots.seal_of(&snapshot).await.unwrap_err());

    let folder = shelf.folder.path().join("snlost");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(file::SEAL), "{}").unwrap();
    let detail = hopeless(shelf.snapshots.seal_of(&snapshot).await.unwrap_err());
    assert!(detail.contains("not the seal that the log tells of"), "{detail}");
}
