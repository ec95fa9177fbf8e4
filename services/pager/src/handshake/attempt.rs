//! One connection that may become an engine's.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};
use userfaultfd::Uffd;

use super::Hello;
use super::regions::{Mapping, Regions, Unfit};
use crate::engine::{Engine, NoProcess};

/// Bytes a message may have: enough for more than two hundred regions, where engines have one to three.
const MAX_BYTES: usize = 32 * 1024;
/// Descriptors that are looked at; who sends more than one is refused anyway, and the kernel closes the rest.
const MAX_DESCRIPTORS: usize = 2;
/// What `/proc` calls a userfaultfd.
const USERFAULTFD: &str = "anon_inode:[userfaultfd]";

/// See the module.
#[derive(Debug)]
pub(super) struct Attempt {
    connection: OwnedFd,
    bytes: Vec<u8>,
    descriptor: Option<OwnedFd>,
    /// When it must be complete.
    pub(super) deadline: Instant,
}

/// Why a connection does not become an engine's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("cannot receive: {0}")]
    Receive(Errno),
    #[error("the connection ended after {bytes} bytes, before the regions were complete")]
    Ended { bytes: usize },
    #[error("its regions have more than {MAX_BYTES} bytes")]
    TooLong,
    #[error("it came with more than one descriptor")]
    TooManyDescriptors,
    #[error("it came without a descriptor")]
    NoDescriptor,
    #[error("its regions cannot be read: {0}")]
    Malformed(serde_json::Error),
    #[error(transparent)]
    Unfit(Unfit),
    #[error("its descriptor is {0:?} and no userfaultfd")]
    Other(String),
    #[error("its userfaultfd is not ready")]
    Unready,
    #[error(transparent)]
    Process(NoProcess),
}

impl Attempt {
    pub(super) fn new(connection: OwnedFd, deadline: Instant) -> Self {
        Self {
            connection,
            bytes: Vec::new(),
            descriptor: None,
            deadline,
        }
    }

    /// Takes what has come, and answers with itself if more must come; `pages` are those that the manifest describes.
    pub(super) fn advance(mut self, pages: u64) -> Result<Result<Hello, Self>, Refusal> {
        let ended = match self.receive() {
            Ok(received) => received == 0,
            Err(Refusal::Receive(Errno::AGAIN)) => return Ok(Err(self)),
            Err(refusal) => return Err(refusal),
        };
        let whole = self.bytes.trim_ascii_end().last() == Some(&b']');
        match (whole, ended) {
            (true, _) => self.conclude(pages).map(Ok),
            (false, false) => Ok(Err(self)),
            (false, true) => Err(Refusal::Ended {
                bytes: self.bytes.len(),
            }),
        }
    }

    fn receive(&mut self) -> Result<usize, Refusal> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut chunk = [0; 4096];
        let message = rustix::net::recvmsg(
            &self.connection,
            &mut [IoSliceMut::new(&mut chunk)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        )
        .map_err(Refusal::Receive)?;
        for part in ancillary.drain() {
            let RecvAncillaryMessage::ScmRights(descriptors) = part else {
                continue;
            };
            for descriptor in descriptors {
                if self.descriptor.replace(descriptor).is_some() {
                    return Err(Refusal::TooManyDescriptors);
                }
            }
        }
        if message.flags.contains(ReturnFlags::CTRUNC) {
            return Err(Refusal::TooManyDescriptors);
        }
        if self.bytes.len() + message.bytes > MAX_BYTES {
            return Err(Refusal::TooLong);
        }
        self.bytes.extend_from_slice(&chunk[..message.bytes]);
        Ok(message.bytes)
    }

    fn conclude(self, pages: u64) -> Result<Hello, Refusal> {
        let mappings: Vec<Mapping> = serde_json::from_slice(&self.bytes).map_err(Refusal::Malformed)?;
        let regions = Regions::new(&mappings, pages).map_err(Refusal::Unfit)?;
        let uffd = userfaultfd(self.descriptor.ok_or(Refusal::NoDescriptor)?)?;
        let engine = Engine::behind(self.connection).map_err(Refusal::Process)?;
        Ok(Hello {
            engine,
            uffd,
            regions,
        })
    }
}

/// The userfaultfd that `descriptor` is.
#[allow(
    unsafe_code,
    reason = "the crate offers no other way to take over a descriptor"
)]
fn userfaultfd(descriptor: OwnedFd) -> Result<Uffd, Refusal> {
    let target = fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd()));
    let target = target.map_or_else(|error| error.to_string(), |path| path.display().to_string());
    if target != USERFAULTFD {
        return Err(Refusal::Other(target));
    }
    let flags = rustix::fs::fcntl_getfl(&descriptor).map_err(Refusal::Receive)?;
    rustix::fs::fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK).map_err(Refusal::Receive)?;
    // One that was not initialized reports an error for ever.
    let mut waited = [PollFd::new(&descriptor, PollFlags::IN)];
    let now = Timespec::try_from(Duration::ZERO).unwrap_or_default();
    rustix::event::poll(&mut waited, Some(&now)).map_err(Refusal::Receive)?;
    if waited[0].revents().contains(PollFlags::ERR) {
        return Err(Refusal::Unready);
    }
    // SAFETY: it is an open userfaultfd, which this becomes the only owner of.
    Ok(unsafe { Uffd::from_raw_fd(descriptor.into_raw_fd()) })
}
