//! A log that is saved and brought back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use roost_journal::checkpoint::{Checkpoint, MemoryCheckpoint, Saved};
use roost_journal::port::Journal;
use roost_journal::projection::Projection;
use roost_runtime::fleet::{FleetHandle, FleetProjection};
use roost_schemas::Digest;
use roost_schemas::event::HostEvent;

use crate::world::{Ran, World, folded, host, roost};

fn export(world: &World, file: &Path) -> Ran {
    world.roost("export", &[file.to_str().unwrap()])
}

fn import(world: &World, file: &Path) -> Ran {
    world.roost("import", &[file.to_str().unwrap()])
}

/// Every byte of the projection that a reader of this log rests in, and its digest.
async fn projected(world: &World) -> (Saved, Digest) {
    let checkpoint = Arc::new(MemoryCheckpoint::default());
    let journal: Arc<dyn Journal> = Arc::new(world.log.journal());
    let fleet = FleetHandle::start(journal.clone(), Some(checkpoint.clone())).await;
    fleet
        .catch_up(&*journal, std::time::Duration::from_secs(30))
        .await
        .unwrap();
    fleet.stop().await;
    let saved = checkpoint.load(FleetProjection::NAME).await.unwrap().unwrap();
    (saved, fleet.digest().1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_log_rebuilds_every_projection_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    // More than one batch.
    let original = World::with(200).await;
    let said = export(&original, &file).well();
    assert!(said.contains("exported 601 messages"), "{said}");
    // What sandboxes were given is in it.
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(export(&original, &file).badly().contains("exists"));

    let copy = World::empty().await;
    let said = import(&copy, &file).well();
    assert!(said.contains("all 601"), "{said}");
    assert_eq!(projected(&copy).await, projected(&original).await);
    let verified = original.roost("verify", &[]).well();
    let copied = copy.roost("verify", &[]).well();
    let offline = roost(&["log", "verify", "--file", file.to_str().unwrap()]).well();
    assert_eq!(folded(&verified), folded(&copied));
    assert_eq!(folded(&verified), folded(&offline));

    let again = folder.path().join("again");
    export(&copy, &again).well();
    import(&original, &again).well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_cut_short_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (part, whole) = (folder.path().join("part"), folder.path().join("whole"));
    let original = World::with(2).await;
    export(&original, &part).well();
    let last = original.commit(&host("h2"), 0, HostEvent::Drained).await;
    export(&original, &whole).well();

    let copy = World::empty().await;
    import(&copy, &part).well();
    import(&copy, &whole).well();
    assert_eq!(copy.head().await, last);
    import(&copy, &whole).well();
    let said = import(&copy, &part).badly();
    assert!(said.contains("was written to since the export"), "{said}");
    assert_eq!(copy.head().await, last, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_imported_into_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    export(&World::with(2).await, &file).well();
    let other = World::empty().await;
    other.commit(&host("h9"), 0, HostEvent::Drained).await;
    let said = import(&other, &file).badly();
    assert!(said.contains("this is another log"), "{said}");
    assert_eq!(other.head().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_not_imported_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let world = World::with(2).await;
    export(&world, &file).well();
    let said = export(&world, &file).badly();
    assert!(said.contains("exists"), "{said}");
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let empty = World::empty().await;
    for damaged in [&whole[..middle], &flipped, b"something else"] {
        std::fs::write(&file, damaged).unwrap();
        import(&empty, &file).badly();
        assert_eq!(empty.head().await, 0);
        roost(&["log", "verify", "--file", file.to_str().unwrap()]).badly();
    }
}
