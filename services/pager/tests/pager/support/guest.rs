//! Memory of a guest, in this process.

use std::ffi::c_void;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr;

use rustix::fs::MemfdFlags;
use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::{Value, json};
use userfaultfd::{FeatureFlags, Uffd, UffdBuilder};

use super::{PAGE, page_of};

const ACCESS: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// What the memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// As Firecracker's.
    Anonymous,
    /// As QEMU's here.
    Shared,
}

/// Mapped memory with a userfaultfd over it.
pub(crate) struct Guest {
    start: usize,
    pages: usize,
    pub(crate) uffd: Uffd,
    /// Keeps the pager's connection up, as Firecracker does.
    connection: Option<UnixStream>,
}

impl Guest {
    pub(crate) fn new(backing: Backing, pages: usize) -> Self {
        if backing == Backing::Shared {
            return Self::on(
                rustix::fs::memfd_create("guest", MemfdFlags::CLOEXEC).unwrap(),
                pages,
            );
        }
        // SAFETY: the kernel chooses where, and nothing else uses it.
        let start =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), pages * PAGE, ACCESS, MapFlags::PRIVATE) };
        Self::over(start.unwrap(), pages)
    }

    /// One whose memory is `file`.
    pub(crate) fn on(file: impl AsFd, pages: usize) -> Self {
        let length = pages * PAGE;
        rustix::fs::ftruncate(&file, length as u64).unwrap();
        // SAFETY: as above.
        let start = unsafe { rustix::mm::mmap(ptr::null_mut(), length, ACCESS, MapFlags::SHARED, file, 0) };
        Self::over(start.unwrap(), pages)
    }

    fn over(start: *mut c_void, pages: usize) -> Self {
        let uffd = UffdBuilder::new()
            .require_features(FeatureFlags::EVENT_REMOVE)
            .close_on_exec(true)
            .non_blocking(true)
            .user_mode_only(false)
            .create()
            .unwrap();
        uffd.register(start, pages * PAGE).unwrap();
        Self {
            start: start.addr(),
            pages,
            uffd,
            connection: None,
        }
    }

    /// Has its faults told by `uffd` from now on.
    pub(crate) fn replace(&mut self, uffd: Uffd) {
        let (start, length) = (self.start as *mut _, self.pages * PAGE);
        self.uffd.unregister(start, length).unwrap();
        uffd.register(start, length).unwrap();
        self.uffd = uffd;
    }

    /// One that the pager at `socket` serves.
    pub(crate) fn served(backing: Backing, pages: usize, socket: &Path) -> Self {
        let mut guest = Self::new(backing, pages);
        let regions = guest.regions();
        guest.connect(socket, &regions);
        guest
    }

    /// Its only region, as Firecracker puts it.
    pub(crate) fn regions(&self) -> Value {
        json!([self.region(0, self.pages, 0)])
    }

    /// A part of it as a region: pages `first` to `first + count`, which are those from `offset` on for the pager.
    pub(crate) fn region(&self, first: usize, count: usize, offset: usize) -> Value {
        json!({
            "base_host_virt_addr": self.start + first * PAGE,
            "size": count * PAGE,
            "offset": offset * PAGE,
            "page_size": PAGE,
            "page_size_kib": PAGE,
        })
    }

    /// Hands it over as `regions`.
    pub(crate) fn connect(&mut self, socket: &Path, regions: &Value) {
        let connection = UnixStream::connect(socket).unwrap();
        hand_over(&connection, regions.to_string().as_bytes(), &[self.uffd.as_fd()]);
        self.connection = Some(connection);
    }

    /// What is in `page`.
    pub(crate) fn read(&self, page: usize) -> Vec<u8> {
        assert!(page < self.pages);
        let mut bytes = vec![0; PAGE];
        // SAFETY: the page is mapped; another thread may write to it, but none does while a test reads it.
        unsafe {
            ptr::copy_nonoverlapping((self.start + page * PAGE) as *const u8, bytes.as_mut_ptr(), PAGE);
        };
        bytes
    }

    /// Fails unless `page` has the content that `number` stands for, see [`page_of`].
    pub(crate) fn expect(&self, page: usize, number: u64) {
        let found = self.read(page);
        let word = u64::from_le_bytes(found[..8].try_into().unwrap());
        // Not printed whole: that would be a long message.
        assert!(
            found == page_of(number),
            "page {page} is not {number} but begins with {word:#x}"
        );
    }

    /// The first word of `page`: enough to make the thread wait for it.
    pub(crate) fn touch(&self, page: usize) -> u64 {
        assert!(page < self.pages);
        // SAFETY: as above.
        unsafe { ptr::read_volatile((self.start + page * PAGE) as *const u64) }
    }

    /// Puts a word at the beginning of `page`.
    pub(crate) fn write(&self, page: usize, word: u64) {
        assert!(page < self.pages);
        // SAFETY: the page is mapped, and nothing has a reference to it.
        unsafe { ptr::write_volatile((self.start + page * PAGE) as *mut u64, word) };
    }

    /// Moves it to another address.
    pub(crate) fn move_away(&mut self) {
        let length = self.pages * PAGE;
        // SAFETY: nothing has a reference to the memory, and the kernel chooses where it goes.
        unsafe {
            let room =
                rustix::mm::mmap_anonymous(ptr::null_mut(), length, ACCESS, MapFlags::PRIVATE).unwrap();
            let flags = MremapFlags::MAYMOVE;
            let moved = rustix::mm::mremap_fixed(self.start as *mut _, length, length, flags, room).unwrap();
            self.start = moved.addr();
        }
    }

    /// Gives pages back, as a balloon does.
    pub(crate) fn give_back(&self, backing: Backing, first: usize, count: usize) {
        let advice = match backing {
            Backing::Anonymous => Advice::LinuxDontNeed,
            Backing::Shared => Advice::LinuxRemove,
        };
        let start = (self.start + first * PAGE) as *mut _;
        // SAFETY: the pages are mapped, and nothing has a reference to them.
        unsafe { rustix::mm::madvise(start, count * PAGE, advice) }.unwrap();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // SAFETY: nothing uses the mapping any more; the descriptor is closed after it.
        let _ = unsafe { rustix::mm::munmap(self.start as *mut _, self.pages * PAGE) };
    }
}

/// Sends one message with descriptors.
pub(crate) fn hand_over(connection: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    let sent = rustix::net::sendmsg(
        connection,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    );
    assert_eq!(sent.unwrap(), bytes.len());
}
