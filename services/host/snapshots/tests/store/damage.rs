//! What is not as it was sealed is refused before anything runs, put in quarantine, and works again when it is mended.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use roost_schemas::Digest;
use roost_schemas::snapshot::manifest::{Change, Kind, Manifest, Source};
use roost_schemas::snapshot::{Part, Seal, Snapshot, file};
use roost_snapshots::{Damage, Dump, Store, StoreError};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::stage::{MEMORY, Stage, Still, host, id, machine};

/// Every file of a snapshot that is not a hint.
const FILES: [&str; 6] = [
    file::SEAL,
    file::STATE,
    file::MEMORY_MANIFEST,
    file::MEMORY_PAGES,
    file::DISK_MANIFEST,
    file::DISK_PAGES,
];

/// A store with one snapshot, and its files as they were.
struct Sealed {
    stage: Stage,
    snapshot: Snapshot,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Sealed {
    fn new() -> Self {
        Self::on(Stage::new())
    }

    fn on(stage: Stage) -> Self {
        let snapshot = stage.take("sn1", &Still::some(1), None).snapshot;
        let files = FILES.map(|name| {
            let path = stage.file(&snapshot.id, name);
            (path.clone(), fs::read(path).unwrap())
        });
        Self {
            stage,
            snapshot,
            files: files.into(),
        }
    }

    fn mark(&self) -> PathBuf {
        self.stage.file(&self.snapshot.id, "quarantined")
    }

    /// Makes sure that the snapshot is refused for the file at `path`, now and later, and works when that is mended.
    fn refused(&self, path: &PathBuf, how: &str) -> Damage {
        let error = self.stage.store.check(&self.snapshot).unwrap_err();
        assert_eq!(error.unusable(), Some(&self.snapshot.id), "{how}: {error}");
        let StoreError::Damaged {
            file, damage, mark, ..
        } = error
        else {
            panic!("{how}: {error}");
        };
        assert_eq!((&file, mark), (path, self.mark()), "{how}");
        let reason = fs::read_to_string(self.mark()).unwrap();
        assert!(reason.contains(path.to_str().unwrap()), "{reason}");
        let again = self.stage.store.check(&self.snapshot).unwrap_err();
        let StoreError::Quarantined { reason: told, .. } = again else {
            panic!("{how}: {again}");
        };
        assert_eq!(told, reason);
        *damage
    }

    fn mended(&self, path: &PathBuf) {
        let (_, good) = self.files.iter().find(|(other, _)| other == path).unwrap();
        fs::write(path, good).unwrap();
        fs::remove_file(self.mark()).unwrap();
        self.stage.store.check(&self.snapshot).expect("it is as it was");
    }
}

#[test]
fn a_flipped_bit_is_found_in_every_file() {
    let sealed = Sealed::on(Stage::in_memory());
    for (path, good) in &sealed.files {
        // All that is small, and something of every part of what is large.
        let step = good.len().div_ceil(600);
        for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(path, bad).unwrap();
            let damage = sealed.refused(path, &format!("byte {at}"));
            assert!(matches!(damage, Damage::Digest { .. }), "{damage}");
            sealed.mended(path);
        }
    }
}

#[test]
fn another_length_is_found_in_every_file() {
    let sealed = Sealed::new();
    for (path, good) in &sealed.files {
        let longer = [good.as_slice(), b"\n"].concat();
        for bad in [&good[..good.len() - 1], &good[..good.len() / 2], &[], &longer] {
            fs::write(path, bad).unwrap();
            let damage = sealed.refused(path, &format!("{} bytes", bad.len()));
            // Of the seal, only the digest is known.
            let seal = path.ends_with(file::SEAL);
            assert!(matches!(damage, Damage::Digest { .. }) == seal, "{damage}");
            sealed.mended(path);
        }
    }
}

#[test]
fn what_is_missing_or_not_a_file_is_found() {
    let sealed = Sealed::new();
    for (path, good) in &sealed.files {
        fs::remove_file(path).unwrap();
        assert_eq!(sealed.refused(path, "missing"), Damage::Missing);
        sealed.mended(path);

        let elsewhere = sealed.stage.path("elsewhere");
        fs::write(&elsewhere, good).unwrap();
        fs::remove_file(path).unwrap();
        symlink(&elsewhere, path).unwrap();
        assert_eq!(sealed.refused(path, "a link to the same bytes"), Damage::NotAFile);
        fs::remove_file(path).unwrap();
        sealed.mended(path);

        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        assert_eq!(sealed.refused(path, "a folder"), Damage::NotAFile);
        fs::remove_dir(path).unwrap();
        sealed.mended(path);

        fs::remove_file(path).unwrap();
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(
            sealed.refused(path, "a pipe that nobody writes"),
            Damage::NotAFile
        );
        fs::remove_file(path).unwrap();
        sealed.mended(path);
    }
}

#[test]
fn a_link_to_a_folder_is_not_followed() {
    let sealed = Sealed::new();
    let (folder, elsewhere) = (
        sealed.stage.store.folder().join("sn1"),
        sealed.stage.path("elsewhere"),
    );
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    let error = sealed.stage.store.check(&sealed.snapshot).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::remove_file(&folder).unwrap();
    let error = sealed.stage.store.check(&sealed.snapshot).unwrap_err();
    assert!(
        matches!(error, StoreError::Missing { .. }) && error.unusable().is_some(),
        "{error}"
    );
}

#[test]
fn files_of_two_snapshots_cannot_stand_in_for_each_other() {
    let sealed = Sealed::new();
    let mut other = Still::some(500);
    // Of the same lengths, so that only the content tells.
    other.memory.swap(3, 4);
    sealed.stage.take("sn2", &other, None);
    for (path, good) in &sealed.files {
        let theirs = sealed
            .stage
            .file(&id("sn2"), path.file_name().unwrap().to_str().unwrap());
        let bytes = fs::read(theirs).unwrap();
        assert_eq!(bytes.len(), good.len(), "{}", path.display());
        fs::write(path, bytes).unwrap();
        let damage = sealed.refused(path, "another's");
        assert!(matches!(damage, Damage::Digest { .. }), "{damage}");
        sealed.mended(path);
    }
}

#[test]
fn what_is_shared_is_refused_by_all_who_need_it() {
    let sealed = Sealed::new();
    let stage = &sealed.stage;
    let second = stage
        .take("sn2", &Still::some(1), Some(&sealed.snapshot))
        .snapshot;
    let alone = stage.take("sn3", &Still::some(2), None).snapshot;
    let pages = stage.file(&sealed.snapshot.id, file::MEMORY_PAGES);
    let good = fs::read(&pages).unwrap();
    fs::write(&pages, vec![0; good.len()]).unwrap();
    let error = stage.store.check(&second).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("sn2 is damaged") && text.contains("sn1/memory.pages has the digest"),
        "{text}"
    );
    assert!(
        text.contains("remove") && text.contains("sn2/quarantined"),
        "{text}"
    );
    sealed.refused(&pages, "the first");
    stage.store.check(&alone).expect("it does not need that file");

    // What would still need it cannot be sealed either, for it could never be opened; all that is new needs nothing.
    let still = Still::some(1);
    let partial = stage.try_dump(&id("sn4"), &still.drive, Some(&second.id), &[], &Dump::default());
    let error = partial.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(stage.store.find(&id("sn4")).unwrap().is_none());
    let whole = stage.try_take(&id("sn4"), &still, Some(&second.id)).unwrap();
    assert_eq!(stage.read(&whole.snapshot), still);
}

#[test]
fn another_seal_than_the_logs_is_refused() {
    let sealed = Sealed::new();
    let mut snapshot = sealed.snapshot.clone();
    snapshot.seal = Digest::of(b"another");
    let error = sealed.stage.store.check(&snapshot).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::remove_file(sealed.mark()).unwrap();
    snapshot.host = "h2".parse().unwrap();
    let error = sealed.stage.store.check(&snapshot).unwrap_err();
    assert!(error.to_string().contains("belongs to another host"), "{error}");
    sealed.stage.store.check(&sealed.snapshot).unwrap();
}

#[test]
fn another_machine_refuses_it_and_this_one_still_takes_it() {
    let sealed = Sealed::new();
    let folder = sealed.stage.store.folder();
    let other_than = |change: &dyn Fn(&mut roost_schemas::snapshot::Machine)| {
        let mut machine = machine();
        change(&mut machine);
        let store = Store::open(folder, host(), machine).unwrap();
        let error = store.check(&sealed.snapshot).unwrap_err();
        assert!(
            matches!(error, StoreError::Unfit { .. }) && error.unusable().is_some(),
            "{error}"
        );
        assert!(!sealed.mark().exists(), "nothing is wrong with it");
        error.to_string()
    };
    let engine = other_than(&|m| m.engine = roost_schemas::event::EngineKind::Firecracker);
    assert!(
        engine.contains("\"Qemu\", but this host has \"Firecracker\""),
        "{engine}"
    );
    assert!(other_than(&|m| m.engine_version = "2".into()).contains("engine version"));
    assert!(other_than(&|m| m.cpu = "another".into()).contains("processor"));
    sealed.stage.store.check(&sealed.snapshot).unwrap();
}

/// Changes what is sealed as whoever forges all of it could; answers what the log would say of it.
fn forged(sealed: &Sealed, kind: Kind, manifest: &[u8], change: impl FnOnce(&mut Seal)) -> Snapshot {
    let path = |name| sealed.stage.file(&sealed.snapshot.id, name);
    let mut seal = Seal::decode(&fs::read(path(file::SEAL)).unwrap()).unwrap();
    fs::write(path(kind.manifest_file()), manifest).unwrap();
    match kind {
        Kind::Memory => seal.memory = Part::of(manifest),
        Kind::Disk => seal.disk = Part::of(manifest),
    }
    change(&mut seal);
    fs::write(path(file::SEAL), seal.encode()).unwrap();
    Snapshot {
        seal: Digest::of(&seal.encode()),
        ..sealed.snapshot.clone()
    }
}

#[test]
fn a_manifest_names_only_what_is_there_and_what_it_should() {
    let naming = |snapshot: &str, digest, pages| {
        let source = Source {
            snapshot: id(snapshot),
            digest,
            pages,
        };
        let change = Change {
            first: 0,
            count: pages,
            stored_at: Some(0),
        };
        let zeros = Manifest::zeros(Kind::Memory, MEMORY);
        zeros.overlaid(source, [change]).unwrap().encode()
    };
    let refusal = |kind, manifest: &dyn Fn(&Sealed) -> Vec<u8>| {
        let sealed = Sealed::new();
        let snapshot = forged(&sealed, kind, &manifest(&sealed), |_| {});
        let error = sealed.stage.store.check(&snapshot).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        error.to_string()
    };
    let good = |sealed: &Sealed, name| fs::read(sealed.stage.file(&sealed.snapshot.id, name)).unwrap();
    let digest = |sealed: &Sealed, name| Digest::of(&good(sealed, name));

    let foreign = refusal(Kind::Memory, &|one| {
        naming("sn9", digest(one, file::MEMORY_PAGES), 4)
    });
    assert!(foreign.contains("sn9/memory.pages is missing"), "{foreign}");
    let other = refusal(Kind::Memory, &|_| naming("sn1", Digest::of(b"another"), 4));
    assert!(other.contains("sn1/memory.pages has the digest"), "{other}");
    let drive = refusal(Kind::Memory, &|one| {
        naming("sn1", digest(one, file::DISK_PAGES), 4)
    });
    assert!(
        drive.contains("sn1/memory.pages has the digest"),
        "a page of the drive is none of the memory: {drive}"
    );
    let longer = refusal(Kind::Memory, &|one| {
        naming("sn1", digest(one, file::MEMORY_PAGES), 5)
    });
    assert!(longer.contains("16384 bytes instead of 20480"), "{longer}");
    let kind = refusal(Kind::Memory, &|one| good(one, file::DISK_MANIFEST));
    assert!(kind.contains("describes Disk, not Memory"), "{kind}");
    let kind = refusal(Kind::Disk, &|one| good(one, file::MEMORY_MANIFEST));
    assert!(kind.contains("describes Memory, not Disk"), "{kind}");
    let size = refusal(Kind::Memory, &|_| {
        Manifest::zeros(Kind::Memory, MEMORY + 1).encode()
    });
    assert!(size.contains("gives its pages as 257 instead of 256"), "{size}");
    let noise = refusal(Kind::Disk, &|_| b"noise".to_vec());
    assert!(noise.contains("is not a manifest"), "{noise}");
}

#[test]
fn a_seal_of_another_snapshot_or_release_is_refused() {
    let sealed = Sealed::new();
    let memory = fs::read(sealed.stage.file(&sealed.snapshot.id, file::MEMORY_MANIFEST)).unwrap();
    let other = forged(&sealed, Kind::Memory, &memory, |seal| seal.snapshot = id("sn2"));
    let error = sealed.stage.store.check(&other).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("gives its snapshot as sn2 instead of sn1"),
        "{error}"
    );
    fs::remove_file(sealed.mark()).unwrap();
    let newer = forged(&sealed, Kind::Memory, &memory, |seal| seal.version += 1);
    let error = sealed.stage.store.check(&newer).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error}");
    assert!(!sealed.mark().exists());
}

#[test]
fn a_vm_whose_parent_is_damaged_elsewhere_than_in_its_memory_is_sealed_alone() {
    let now = Still::some(2);
    for name in FILES {
        let sealed = Sealed::new();
        let (store, parent) = (&sealed.stage.store, &sealed.snapshot.id);
        let path = sealed.stage.file(parent, name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let vouched = store.vouch_for_memory(parent);
        match name {
            // A pager reads none of these.
            file::STATE | file::DISK_MANIFEST | file::DISK_PAGES => vouched.unwrap(),
            _ => {
                let error = vouched.unwrap_err();
                assert_eq!(error.unusable(), Some(parent), "{name}: {error}");
                assert!(sealed.mark().exists(), "{name}");
                continue;
            }
        }
        let compared = sealed.stage.try_take(&id("sn2"), &now, Some(parent));
        // Of the others this one shares nothing.
        if name == file::DISK_MANIFEST {
            let error = compared.unwrap_err();
            assert_eq!(error.unusable(), Some(parent), "{name}: {error}");
            store.vouch_for_memory(parent).unwrap();
        }
        let alone = sealed.stage.take("sn3", &now, None).snapshot;
        fs::remove_dir_all(store.folder().join(parent.as_str())).unwrap();
        assert_eq!(sealed.stage.read(&alone), now, "{name}");
    }
}
