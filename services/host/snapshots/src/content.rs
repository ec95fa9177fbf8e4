//! The content that a manifest describes, read page by page from its generation files.

use std::os::unix::fs::FileExt;

use roost_schemas::snapshot::PAGE;
use roost_schemas::snapshot::manifest::{Manifest, Place, Run};

use crate::error::{Damage, Trouble, damaged, failed};
use crate::root::{Plain, Root};

/// What a manifest describes. The digests of its generation files are not compared here.
pub(crate) struct Content {
    manifest: Manifest,
    sources: Vec<Plain>,
}

impl Content {
    /// Opens the generation files that `manifest` names.
    pub(crate) fn open(root: &Root, manifest: Manifest) -> Result<Self, Trouble> {
        let name = manifest.kind().generation_file();
        let mut sources = Vec::with_capacity(manifest.sources().len());
        for source in manifest.sources() {
            let plain = root.plain(source.snapshot.as_str(), name)?;
            let (found, expected) = (plain.identity.bytes, source.pages.saturating_mul(PAGE));
            if found != expected {
                return Err(damaged(&plain, Damage::Length { found, expected }));
            }
            sources.push(plain);
        }
        Ok(Self { manifest, sources })
    }

    /// What `manifest` says of the only generation file that it can name, which is a draft's.
    pub(crate) fn drafted(manifest: Manifest, generation: Plain) -> Self {
        let sources = vec![generation];
        Self { manifest, sources }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// The file that `source`, a number of the manifest's, is.
    pub(crate) fn source(&self, source: u32) -> &Plain {
        &self.sources[source as usize]
    }

    /// Reads whole pages from page `first` on, none beyond the end.
    pub(crate) fn read(&self, first: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let (mut page, mut rest) = (first, into);
        while !rest.is_empty() {
            let run = self.manifest.lookup(page).expect("nobody reads beyond the end");
            let run = run.from(page);
            let length =
                usize::try_from(u64::from(run.count) * PAGE).map_or(rest.len(), |all| all.min(rest.len()));
            let (now, later) = rest.split_at_mut(length);
            self.fill(run, now)?;
            page += length as u64 / PAGE;
            rest = later;
        }
        Ok(())
    }

    fn fill(&self, run: Run, into: &mut [u8]) -> Result<(), Trouble> {
        match run.place {
            Place::Zero => into.fill(0),
            Place::Source { source, page } => {
                let Plain { file, path, .. } = self.source(source);
                file.read_exact_at(into, page * PAGE)
                    .map_err(failed("read", path))?;
            }
        }
        Ok(())
    }
}
