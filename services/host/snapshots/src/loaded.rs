//! Reading what a sealed snapshot says of itself: its seal and its manifests, compared with each other.

use std::io::Read;

use roost_schemas::codec::Undecodable;
use roost_schemas::snapshot::manifest::{Kind, Manifest, ManifestError};
use roost_schemas::snapshot::{PAGE, Part, SEAL_VERSION, Seal, Snapshot, file, manifest};
use roost_schemas::{Digest, HostId, SnapshotId};

use crate::content::Content;
use crate::error::{Damage, StoreError, Trouble, damaged, failed};
use crate::root::{Plain, Root};
use crate::verified::Need;

/// What a sealed snapshot says of itself.
pub(crate) struct Loaded {
    pub(crate) seal: Seal,
    pub(crate) memory: Manifest,
    pub(crate) disk: Manifest,
    /// The seal's own length and digest.
    own: Part,
}

impl Loaded {
    /// What is being sealed, with the seal as it is written.
    pub(crate) fn new(seal: Seal, encoded: &[u8], memory: Manifest, disk: Manifest) -> Self {
        Self {
            seal,
            memory,
            disk,
            own: Part::of(encoded),
        }
    }

    /// Reads the snapshot `id`, which must be there; its seal must have the digest `seal`, if one is known.
    pub(crate) fn read(root: &Root, id: &SnapshotId, seal: Option<Digest>) -> Result<Self, Trouble> {
        let (seal, own) = read_seal(root, id, seal)?;
        let memory = decode(root, id, Kind::Memory, seal.memory)?;
        let disk = decode(root, id, Kind::Disk, seal.disk)?;
        let wanted = u64::from(seal.resources.memory_mb) * (1 << 20) / PAGE;
        if memory.pages() != wanted {
            let plain = root.plain(id.as_str(), file::MEMORY_MANIFEST)?;
            return Err(says(&plain, "pages", &memory.pages(), &wanted));
        }
        Ok(Self {
            seal,
            memory,
            disk,
            own,
        })
    }

    /// Reads where the memory of the snapshot `id` is, which must be there, and nothing else of it.
    pub(crate) fn read_memory(root: &Root, id: &SnapshotId) -> Result<Manifest, Trouble> {
        let (seal, _) = read_seal(root, id, None)?;
        decode(root, id, Kind::Memory, seal.memory)
    }

    /// As the log knows it.
    pub(crate) fn record(&self, host: &HostId) -> Snapshot {
        let id = &self.seal.snapshot;
        let manifests = [&self.memory, &self.disk];
        let sources = manifests.iter().flat_map(|manifest| manifest.sources());
        let new = sources.clone().filter(|source| source.snapshot == *id);
        let parts = [&self.own, &self.seal.state, &self.seal.memory, &self.seal.disk];
        Snapshot {
            id: id.clone(),
            host: host.clone(),
            seal: self.own.digest,
            stored_bytes: parts.iter().map(|part| part.bytes).sum::<u64>()
                + new.map(|source| source.pages * PAGE).sum::<u64>(),
            sources: u32::try_from(sources.count()).unwrap_or(u32::MAX),
        }
    }

    /// Every file that it needs beside its seal and its manifests.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Need> {
        let state = Need {
            bytes: self.seal.state.bytes,
            folder: self.seal.snapshot.clone(),
            name: file::STATE,
            digest: *self.seal.state.digest.as_bytes(),
        };
        let pages = Need::of(&self.memory).chain(Need::of(&self.disk));
        pages.chain([state])
    }

    /// The content of its memory or its drive.
    pub(crate) fn content(self, root: &Root, kind: Kind) -> Result<Content, Trouble> {
        let manifest = match kind {
            Kind::Memory => self.memory,
            Kind::Disk => self.disk,
        };
        Content::open(root, manifest)
    }
}

/// The seal of `id`, which must have the digest `expected` if one is known, and the file that it is in.
fn read_seal(root: &Root, id: &SnapshotId, expected: Option<Digest>) -> Result<(Seal, Part), Trouble> {
    let plain = root.plain(id.as_str(), file::SEAL)?;
    let bytes = read(&plain, None)?;
    let own = Part::of(&bytes);
    if let Some(expected) = expected.filter(|expected| *expected != own.digest) {
        let found = own.digest;
        return Err(damaged(&plain, Damage::Digest { found, expected }));
    }
    let seal = Seal::decode(&bytes).map_err(|error| match error {
        Undecodable::TooNew { found, .. } => too_new(id, "seals of version", found, SEAL_VERSION),
        malformed @ Undecodable::Malformed { .. } => damaged(&plain, Damage::Seal(malformed.to_string())),
    })?;
    if seal.snapshot != *id {
        return Err(says(&plain, "snapshot", &seal.snapshot, id));
    }
    Ok((seal, own))
}

fn decode(root: &Root, id: &SnapshotId, kind: Kind, part: Part) -> Result<Manifest, Trouble> {
    let plain = root.plain(id.as_str(), kind.manifest_file())?;
    let bytes = read(&plain, Some(part))?;
    let manifest = Manifest::decode(&bytes).map_err(|error| match error {
        ManifestError::Version { found } => too_new(id, "manifests of version", found, manifest::VERSION),
        malformed => damaged(&plain, Damage::Manifest(malformed)),
    })?;
    if manifest.kind() != kind {
        let (found, expected) = (manifest.kind(), kind);
        return Err(damaged(&plain, Damage::Kind { found, expected }));
    }
    Ok(manifest)
}

/// Reads a whole file that must be `part`; of a seal, which says of itself what it is, no more than it can have.
fn read(plain: &Plain, part: Option<Part>) -> Result<Vec<u8>, Trouble> {
    let longest = part.map_or(Seal::MAX_BYTES as u64, |part| part.bytes);
    let found = plain.identity.bytes;
    if found > longest || part.is_some_and(|part| part.bytes != found) {
        let expected = longest;
        return Err(damaged(plain, Damage::Length { found, expected }));
    }
    let mut bytes = Vec::new();
    let read = (&plain.file).take(longest).read_to_end(&mut bytes);
    read.map_err(failed("read", &plain.path))?;
    let found = Digest::of(&bytes);
    match part {
        Some(Part { digest, .. }) if digest != found => {
            let expected = digest;
            Err(damaged(plain, Damage::Digest { found, expected }))
        }
        _ => Ok(bytes),
    }
}

fn says(plain: &Plain, what: &'static str, found: &dyn ToString, expected: &dyn ToString) -> Trouble {
    let (found, expected) = (found.to_string(), expected.to_string());
    damaged(
        plain,
        Damage::Says {
            what,
            found,
            expected,
        },
    )
}

/// Another release wrote it: nothing is wrong with it.
fn too_new(id: &SnapshotId, what: &'static str, found: u16, ours: u16) -> Trouble {
    Trouble::Other(StoreError::Unfit {
        snapshot: id.clone(),
        what,
        made_for: found.to_string(),
        found: ours.to_string(),
    })
}
