//! The engine's side of the guest's memory, by its userfaultfd: events come out, pages go in.

#![allow(unsafe_code, reason = "pages are written into another process by address")]

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

use roost_schemas::snapshot::PAGE;
use rustix::io::Errno;
use userfaultfd::{Error, Event, EventBuffer, FaultKind, Uffd};

use crate::content::Content;
use crate::error::Death;
use crate::handshake::Regions;
use crate::plan::Fill;

/// Events that are read at once. A read that brings fewer has brought all there were.
const AT_ONCE: usize = 64;

/// What the kernel tells of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A thread of the engine waits for this page.
    Missing(u64),
    /// The guest gave these pages back; the engine's thread waits until this has been read.
    Removed(Range<u64>),
}

/// What came of putting pages in place.
#[derive(Debug)]
pub(crate) enum Placed {
    /// So many are in place now, and whoever waited for them goes on.
    Pages(u64),
    /// The first was in place already; whoever waits for it must be woken.
    Present,
    /// Not now: the engine's memory is being changed, and an event may tell how. Nothing was done.
    Later,
    /// Not now: there is no memory left. Nothing was done.
    Full,
    /// There is no such memory any more: the VM is coming to its end.
    Gone,
    /// It will never be.
    Failed(io::Error),
}

/// See the module.
pub(crate) struct Memory {
    uffd: Uffd,
    regions: Regions,
    buffer: EventBuffer,
}

impl Memory {
    pub(crate) fn new(uffd: Uffd, regions: Regions) -> Self {
        Self {
            uffd,
            regions,
            buffer: EventBuffer::new(AT_ONCE),
        }
    }

    /// What becomes readable when there are events.
    pub(crate) fn events(&self) -> impl AsFd {
        self.uffd.as_fd()
    }

    /// Reads all events there are.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Happening)) -> Result<(), Death> {
        loop {
            let mut count = 0;
            for event in self.uffd.read_events(&mut self.buffer).map_err(Death::Events)? {
                count += 1;
                tell(&self.regions, &event.map_err(Death::Events)?, &mut each)?;
            }
            if count < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// The page behind the last that follows `page` in its region; nothing if it is in none.
    pub(crate) fn end_of_region(&self, page: u64) -> Option<u64> {
        self.regions.address_of(page).map(|(_, end)| end)
    }

    /// Puts pages in place, which must be in one region, and lets those go on that waited for them.
    pub(crate) fn place(&self, fill: &Fill, content: &Content) -> Placed {
        let Some(to) = self.address(fill.first) else {
            return Placed::Gone;
        };
        let length = usize::try_from(fill.count * PAGE).unwrap_or(0);
        match content.address(fill.place) {
            Some(from) => self.copy(from, to, length),
            None => self.zero(to, length),
        }
    }

    /// Lets those go on that wait for `page`.
    pub(crate) fn wake(&self, page: u64) -> io::Result<()> {
        let Some(at) = self.address(page) else {
            return Ok(());
        };
        match self.uffd.wake(at, bytes(1)) {
            Ok(()) => Ok(()),
            Err(Error::SystemError(error)) => Err(io::Error::from_raw_os_error(error as i32)),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    fn address(&self, page: u64) -> Option<*mut c_void> {
        let (address, _) = self.regions.address_of(page)?;
        Some(std::ptr::without_provenance_mut(usize::try_from(address).ok()?))
    }

    fn copy(&self, from: *const c_void, to: *mut c_void, length: usize) -> Placed {
        // SAFETY: the kernel reads from a mapping of ours that is never undone, and answers with an error where the file
        // has become too short. It writes to the address space of the engine alone, only where that asked for it.
        match unsafe { self.uffd.copy(from, to, length, true) } {
            Ok(copied) => Placed::Pages(pages(copied)),
            // With an event unread the crate takes the error's number, which is negative, for a length.
            Err(Error::PartiallyCopied(copied)) if (1..=length).contains(&copied) => {
                Placed::Pages(pages(copied))
            }
            Err(Error::PartiallyCopied(_)) => Placed::Later,
            Err(Error::CopyFailed(errno)) => not_placed(errno as i32),
            Err(other) => Placed::Failed(io::Error::other(other)),
        }
    }

    fn zero(&self, to: *mut c_void, length: usize) -> Placed {
        // SAFETY: as for `copy`, and nothing of ours is read.
        match unsafe { self.uffd.zeropage(to, length, true) } {
            Ok(zeroed) => Placed::Pages(pages(zeroed)),
            Err(Error::ZeropageFailed(errno)) => match not_placed(errno as i32) {
                // The crate does not tell whether the first pages came to be in place; the first alone is enough.
                Placed::Later if length > bytes(1) => self.zero(to, bytes(1)),
                outcome => outcome,
            },
            Err(other) => Placed::Failed(io::Error::other(other)),
        }
    }
}

fn pages(bytes: usize) -> u64 {
    bytes as u64 / PAGE
}

fn bytes(pages: usize) -> usize {
    pages * usize::try_from(PAGE).unwrap_or(0)
}

/// What `errno` of `UFFDIO_COPY` or `UFFDIO_ZEROPAGE` means, see `ioctl_userfaultfd(2)`.
fn not_placed(errno: i32) -> Placed {
    match Errno::from_raw_os_error(errno) {
        Errno::EXIST => Placed::Present,
        Errno::AGAIN | Errno::INTR => Placed::Later,
        Errno::NOMEM => Placed::Full,
        Errno::NOENT | Errno::SRCH => Placed::Gone,
        other => Placed::Failed(other.into()),
    }
}

fn tell(regions: &Regions, event: &Event, each: &mut impl FnMut(Happening)) -> Result<(), Death> {
    let removed =
        |start: *mut c_void, end: *mut c_void| regions.pages_in(start.addr() as u64..end.addr() as u64);
    match *event {
        Event::Pagefault {
            kind: FaultKind::Missing,
            addr,
            ..
        } => {
            let address = addr.addr() as u64;
            each(Happening::Missing(
                regions.page_at(address).ok_or(Death::Foreign { address })?,
            ));
        }
        Event::Pagefault { .. } => return Err(Death::Unserved("has write-protected its memory")),
        Event::Remap { .. } => return Err(Death::Unserved("has moved its memory")),
        Event::Fork { .. } => return Err(Death::Unserved("has forked with its memory")),
        // What is not mapped cannot be asked for; should it ever be mapped again, it is zeros.
        Event::Remove { start, end } | Event::Unmap { start, end } => {
            removed(start, end).for_each(|pages| each(Happening::Removed(pages)));
        }
    }
    Ok(())
}
