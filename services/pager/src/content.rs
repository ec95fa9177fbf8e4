//! What the memory consists of: the manifest and the generation files it names, all mapped.
//!
//! Sealed files never change, and whoever started the pager has compared their digests. What is checked again costs
//! nothing: the manifest's own checksum and the length of every file.

#![allow(
    unsafe_code,
    reason = "files are mapped, and nothing but the system call can do that"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;

use roost_schemas::id::SnapshotId;
use roost_schemas::snapshot::manifest::{Kind, ManifestError, Place, Run, View};
use roost_schemas::snapshot::{PAGE, file};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::mm::{MapFlags, ProtFlags};

use crate::error::Death;

/// A file of which only the kernel reads, in the course of `UFFDIO_COPY`: what is missing from it is an error of that
/// call and no signal.
#[derive(Debug, Clone, Copy)]
struct Mapping(NonNull<c_void>);

/// See the module.
#[derive(Debug)]
pub(crate) struct Content {
    view: View<'static>,
    sources: Vec<Mapping>,
}

impl Content {
    /// Maps `manifest` and what it names in `store`.
    pub(crate) fn open(manifest: &Path, store: &Path) -> Result<Self, Death> {
        let view = open_manifest(manifest)?;
        let damaged = |source: ManifestError| Death::Manifest {
            path: manifest.to_owned(),
            source,
        };
        if view.kind() != Kind::Memory {
            return Err(Death::Kind {
                path: manifest.to_owned(),
                found: view.kind(),
            });
        }
        let folder = File::open(store).map_err(open_failed(store))?;
        let sources = view.sources().map_err(damaged)?.into_iter().map(|source| {
            let name = Path::new(source.snapshot.as_str()).join(file::MEMORY_PAGES);
            let path = store.join(&name);
            let (file, found) = open_beneath(&folder, &name).map_err(open_failed(&path))?;
            let expected = source.pages.saturating_mul(PAGE);
            if found != expected {
                return Err(Death::Length {
                    path,
                    found,
                    expected,
                });
            }
            map(&file, found).map(Mapping).map_err(open_failed(&path))
        });
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            view,
        })
    }

    /// How many pages there are.
    pub(crate) fn pages(&self) -> u64 {
        self.view.pages()
    }

    /// The run that `page` is in.
    pub(crate) fn lookup(&self, page: u64) -> Option<Run> {
        self.view.lookup(page)
    }

    /// Where the pages of `place` are mapped, for the kernel to read; nothing for zeros.
    pub(crate) fn address(&self, place: Place) -> Option<*const c_void> {
        let Place::Source { source, page } = place else {
            return None;
        };
        let offset = usize::try_from(page * PAGE).ok()?;
        let start = self.sources.get(source as usize)?.0.as_ptr();
        Some(start.wrapping_byte_add(offset).cast_const())
    }

    /// The snapshot in whose generation file `place` is.
    pub(crate) fn generation(&self, place: Place) -> Option<SnapshotId> {
        let Place::Source { source, .. } = place else {
            return None;
        };
        let sources = self.view.sources().ok()?;
        sources
            .into_iter()
            .nth(source as usize)
            .map(|source| source.snapshot)
    }
}

fn open_failed<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Death {
    let path = path.to_owned();
    |source| Death::Open {
        path,
        source: source.into(),
    }
}

fn open_manifest(path: &Path) -> Result<View<'static>, Death> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(open_failed(path))?;
    let length = regular(&file).map_err(open_failed(path))?;
    let bytes: &'static [u8] = if length == 0 {
        &[]
    } else {
        let start = map(&file, length).map_err(open_failed(path))?;
        let length = usize::try_from(length).map_err(|_| open_failed(path)(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the file is mapped, readable, over all its length, and stays so until the process ends. Sealed files
        // are not written to.
        unsafe { slice::from_raw_parts(start.as_ptr().cast(), length) }
    };
    View::open(bytes).map_err(|source| Death::Manifest {
        path: path.to_owned(),
        source,
    })
}

/// Opens a file in `folder` by a name that must not lead out of it, nor by way of links; with its length.
fn open_beneath(folder: &File, name: &Path) -> io::Result<(OwnedFd, u64)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(folder, name, flags, Mode::empty(), resolve)?;
    let length = regular(&file)?;
    Ok((file, length))
}

/// The length of a file, which must be one.
fn regular(file: &OwnedFd) -> io::Result<u64> {
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    u64::try_from(stat.st_size).map_err(io::Error::other)
}

/// Maps a file to be read until the process ends; its descriptor is not needed any more.
fn map(file: impl AsFd, length: u64) -> io::Result<NonNull<c_void>> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: without an address the kernel puts it where nothing else is.
    let start = unsafe {
        rustix::mm::mmap(
            ptr::null_mut(),
            length,
            ProtFlags::READ,
            MapFlags::SHARED,
            file,
            0,
        )
    }?;
    NonNull::new(start).ok_or_else(|| io::Error::other("mapped at no address"))
}
