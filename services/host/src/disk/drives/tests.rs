//! Drives on real file systems, full ones too.

use std::ffi::CString;
use std::os::unix::fs::{FileExt, MetadataExt};

use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::Machine;
use roost_schemas::spec::Resources;
use roost_schemas::{Generation, Timestamp};
use roost_snapshots::{About, Dump};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::*;

const LENGTH: u64 = 64 << 20;

fn owner(sandbox: &str, generation: u64) -> Owner {
    Owner {
        sandbox: sandbox.parse().unwrap(),
        generation: Generation(generation),
    }
}

/// A store in `folder`, beside an empty drive with 200 kB of data in it.
fn store(images: &Path, folder: &Path) -> DriveStore {
    let blank = images.join("blank.ext4");
    let file = File::create(&blank).unwrap();
    file.set_len(LENGTH).unwrap();
    file.write_all_at(&vec![9; 200_000], 1 << 20).unwrap();
    DriveStore::new(folder.to_owned(), blank)
}

#[test]
fn a_drive_is_a_sparse_copy_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &folder.path().join("drives"));
    assert_eq!(store.owners().unwrap(), []);
    let drive = store.create(&owner("sb1", 3)).unwrap();
    let made = fs::metadata(&drive).unwrap();
    assert_eq!(made.len(), LENGTH);
    assert!(
        made.blocks() * 512 < 1 << 20,
        "{} blocks for 200 kB",
        made.blocks()
    );

    File::options()
        .write(true)
        .open(&drive)
        .unwrap()
        .write_all_at(b"written by the guest", 0)
        .unwrap();
    assert_eq!(store.create(&owner("sb1", 3)).unwrap(), drive);
    assert!(fs::read(&drive).unwrap().starts_with(b"written by the guest"));
    let other = store.create(&owner("sb1", 4)).unwrap();
    assert!(
        fs::read(other).unwrap().starts_with(&[0; 20]),
        "another generation starts empty"
    );
    let mut owners = store.owners().unwrap();
    owners.sort();
    assert_eq!(owners, [owner("sb1", 3), owner("sb1", 4)]);
}

#[test]
fn removing_can_be_repeated_and_spares_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &folder.path().join("drives"));
    store.create(&owner("sb1", 1)).unwrap();
    store.create(&owner("sb2", 1)).unwrap();
    for _ in 0..2 {
        store.remove(&owner("sb1", 1)).unwrap();
    }
    assert_eq!(store.owners().unwrap(), [owner("sb2", 1)]);
}

#[test]
fn calls_for_one_owner_that_meet_agree() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &folder.path().join("drives"));
    let drives: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| store.create(&owner("sb1", 1)).unwrap()))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(drives.iter().all(|drive| *drive == drives[0]));
    assert_eq!(
        fs::read_dir(drives[0].parent().unwrap()).unwrap().count(),
        1,
        "no half-made copy is left"
    );
}

#[test]
fn a_missing_blank_is_named_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = DriveStore::new(folder.path().join("drives"), folder.path().join("blank.ext4"));
    let error = store.create(&owner("sb1", 1)).unwrap_err();
    assert!(
        error.to_string().contains("blank.ext4: make the images"),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_a_drive_is_nobodys() {
    for name in ["", "sb1", "sb1.", ".1", "sb1.x", "../sb1.1", "SB1.1", "sb1.1.2"] {
        assert_eq!(Owner::parse(name, '.'), None, "{name}");
    }
    assert_eq!(Owner::parse("sb1.7", '.'), Some(owner("sb1", 7)));
}

/// A drive with a few bytes in it, sealed in a store in `folder`.
fn sealed(folder: &Path) -> (Store, Snapshot) {
    let machine = Machine {
        engine: EngineKind::Qemu,
        engine_version: "7".into(),
        cpu: "one".into(),
    };
    let about = About {
        template: "minimal".parse().unwrap(),
        image: "its digest".into(),
        resources: Resources {
            vcpus: 1,
            memory_mb: 1,
        },
        taken_at: Timestamp(0),
    };
    let store = Store::open(&folder.join("snapshots"), "h1".parse().unwrap(), machine).unwrap();
    let draft = store.draft(&"sn1".parse().unwrap()).unwrap();
    fs::write(&draft.state, "state").unwrap();
    File::create(&draft.memory).unwrap().set_len(1 << 20).unwrap();
    let drive = folder.join("drive");
    let file = File::create(&drive).unwrap();
    file.set_len(LENGTH).unwrap();
    file.write_all_at(&vec![7; 300_000], 3 << 20).unwrap();
    store.collect(&draft.id, &drive, None).unwrap();
    let dump = Dump {
        complete: true,
        removed: Vec::new(),
    };
    let sealed = store.seal(&draft.id, &about, None, &dump).unwrap();
    (store, sealed.snapshot)
}

#[test]
fn a_drive_is_restored_once_and_as_sparse_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let drives = store(folder.path(), &folder.path().join("drives"));
    let (snapshots, snapshot) = sealed(folder.path());
    assert_eq!(drives.find(&owner("sb1", 2)).unwrap(), None);
    let drive = drives.restore(&owner("sb1", 2), &snapshots, &snapshot).unwrap();
    assert_eq!(drives.find(&owner("sb1", 2)).unwrap().as_ref(), Some(&drive));
    assert!(fs::read(&drive).unwrap() == fs::read(folder.path().join("drive")).unwrap());
    assert!(fs::metadata(&drive).unwrap().blocks() * 512 < 1 << 20);

    fs::write(&drive, "written by the guest").unwrap();
    drives.restore(&owner("sb1", 2), &snapshots, &snapshot).unwrap();
    assert_eq!(fs::read(&drive).unwrap(), b"written by the guest");
}

#[test]
fn no_drive_is_made_from_a_damaged_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let drives = store(folder.path(), &folder.path().join("drives"));
    let (snapshots, snapshot) = sealed(folder.path());
    fs::write(snapshots.folder().join("sn1/disk.pages"), "cut").unwrap();
    let error = drives
        .restore(&owner("sb1", 2), &snapshots, &snapshot)
        .unwrap_err();
    assert!(
        matches!(error, DriveError::Snapshot(StoreError::Damaged { .. })),
        "{error:?}"
    );
    assert_eq!(drives.owners().unwrap(), []);
}

#[test]
fn a_drive_that_has_no_room_is_not_restored() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), SmallDisk::new("200k"));
    let drives = store(folder.path(), &disk.0.path().join("drives"));
    let (snapshots, snapshot) = sealed(folder.path());
    let error = drives
        .restore(&owner("sb1", 2), &snapshots, &snapshot)
        .unwrap_err();
    assert!(matches!(error, DriveError::NoSpace { .. }), "{error:?}");
    assert_eq!(drives.owners().unwrap(), []);
    snapshots
        .check(&snapshot)
        .expect("nothing is wrong with the snapshot");
}

/// A file system of a given size, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root: it mounts a small file system"
        );
        let folder = tempfile::tempdir().unwrap();
        let size = CString::new(format!("size={size}")).unwrap();
        mount(
            "roost-test",
            folder.path(),
            "tmpfs",
            MountFlags::empty(),
            size.as_c_str(),
        )
        .unwrap();
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_is_said_so_and_nothing_is_left() {
    let (images, disk) = (tempfile::tempdir().unwrap(), SmallDisk::new("300k"));
    let store = store(images.path(), &disk.0.path().join("drives"));
    store.create(&owner("sb1", 1)).unwrap();
    let error = store.create(&owner("sb2", 1)).unwrap_err();
    assert!(matches!(error, DriveError::NoSpace { .. }), "{error:?}");
    assert!(error.to_string().contains("remove sandboxes"));
    assert_eq!(store.owners().unwrap(), [owner("sb1", 1)]);
    store.remove(&owner("sb1", 1)).unwrap();
    store.create(&owner("sb2", 1)).expect("there is room again");
}
