//! The engine: memory whose pages are read in some order, each timed.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::json;
use userfaultfd::{FeatureFlags, Uffd, UffdBuilder};

use crate::handler::Handler;

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// The order in which pages are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    Sequential,
    Random,
}

impl Order {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "Sequential",
            Self::Random => "Random",
        }
    }

    /// `count` different pages out of `pages`; the same every time.
    pub(crate) fn pages(self, pages: usize, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..pages).collect();
        if let Self::Random = self {
            // Xorshift, and a shuffle as by Fisher and Yates.
            let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
            for at in (1..pages).rev() {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                order.swap(at, usize::try_from(state >> 33).unwrap_or(0) % (at + 1));
            }
        }
        order.truncate(count);
        order
    }
}

/// How long reading took.
pub(crate) struct Load {
    /// All of it.
    pub(crate) whole: Duration,
    /// Each read that had to wait for a fault.
    pub(crate) faults: Vec<Duration>,
    /// Pages that were read.
    pub(crate) pages: usize,
}

#[allow(clippy::cast_precision_loss, reason = "these are counts of one run")]
impl Load {
    pub(crate) fn pages_per_second(&self) -> f64 {
        self.pages as f64 / self.whole.as_secs_f64()
    }

    pub(crate) fn faults_per_second(&self) -> f64 {
        self.faults.len() as f64 / self.whole.as_secs_f64()
    }

    /// The same, knowing how many of the reads had to wait: those that took longest.
    pub(crate) fn with_faults(mut self, faults: u64) -> Result<Self> {
        let faults = usize::try_from(faults)?;
        ensure!(
            (1..=self.pages).contains(&faults),
            "{faults} faults for {} pages",
            self.pages
        );
        self.faults.sort_unstable();
        self.faults.drain(..self.pages - faults);
        Ok(self)
    }
}

/// Reads `order` out of a memory of `pages` that `handler` serves; each page must begin as `expected` says.
pub(crate) fn run(
    handler: &Handler,
    pages: usize,
    order: &[usize],
    expected: impl Fn(usize) -> u64,
) -> Result<Load> {
    let memory = Memory::new(pages)?;
    let _connection = memory.hand_over(handler)?;
    let mut faults = Vec::with_capacity(order.len());
    let began = Instant::now();
    let mut before = began;
    for page in order {
        let word = memory.read(*page);
        let now = Instant::now();
        faults.push(now - before);
        ensure!(word == expected(*page), "page {page} begins with {word:#x}");
        before = now;
    }
    Ok(Load {
        whole: before - began,
        faults,
        pages: order.len(),
    })
}

/// Memory with a userfaultfd over it, as Firecracker makes it.
struct Memory {
    start: usize,
    pages: usize,
    uffd: Uffd,
}

impl Memory {
    fn new(pages: usize) -> Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses where, and nothing else uses it.
        let start =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), pages * PAGE, access, MapFlags::PRIVATE) }?;
        let uffd = UffdBuilder::new()
            .require_features(FeatureFlags::EVENT_REMOVE)
            .non_blocking(true)
            .user_mode_only(false)
            .create()?;
        uffd.register(start, pages * PAGE)?;
        Ok(Self {
            start: start.addr(),
            pages,
            uffd,
        })
    }

    fn hand_over(&self, handler: &Handler) -> Result<UnixStream> {
        let connection = UnixStream::connect(handler.socket())?;
        let region = json!([{
            "base_host_virt_addr": self.start,
            "size": self.pages * PAGE,
            "offset": 0,
            "page_size": PAGE,
            "page_size_kib": PAGE,
        }]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [self.uffd.as_fd()];
        ensure!(
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)),
            "there is no room for a descriptor"
        );
        let message = region.to_string();
        let parts = [IoSlice::new(message.as_bytes())];
        let sent = rustix::net::sendmsg(&connection, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
        ensure!(sent == message.len(), "the regions were sent in part");
        Ok(connection)
    }

    fn read(&self, page: usize) -> u64 {
        assert!(page < self.pages);
        // SAFETY: the page is mapped, and nobody writes to it but who puts it in place.
        unsafe { ptr::read_volatile((self.start + page * PAGE) as *const u64) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: nothing uses the memory any more.
        let _ = unsafe { rustix::mm::munmap(self.start as *mut _, self.pages * PAGE) };
    }
}
