//! The least that a handler can be: it waits, reads one event, copies one page out of a mapped file, and waits again.

use std::env;
use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::ptr;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::Deserialize;
use userfaultfd::{Event, Uffd};

use crate::engine::PAGE;

/// The first argument of one.
pub(crate) const WORD: &str = "floor";

/// The region it is told of.
#[derive(Deserialize)]
struct Region {
    base_host_virt_addr: usize,
}

/// Is one, if this program was started as one.
pub(crate) fn instead() -> Option<Result<()>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [word, file, socket] if word == WORD => Some(serve(Path::new(file), Path::new(socket))),
        _ => None,
    }
}

fn serve(file: &Path, socket: &Path) -> Result<()> {
    let file = File::open(file)?;
    let length = usize::try_from(file.metadata()?.len())?;
    // SAFETY: the kernel chooses where, and nothing else uses it.
    let from = unsafe {
        rustix::mm::mmap(
            ptr::null_mut(),
            length,
            ProtFlags::READ,
            MapFlags::SHARED,
            file,
            0,
        )
    }?;
    let listener = UnixListener::bind(socket)?;
    println!("ready");
    let (connection, _) = listener.accept()?;
    let (region, uffd) = receive(&connection)?;
    loop {
        let mut waited = [
            PollFd::new(&uffd, PollFlags::IN),
            PollFd::new(&connection, PollFlags::IN),
        ];
        rustix::event::poll(&mut waited, None)?;
        if !waited[1].revents().is_empty() {
            return Ok(());
        }
        let Some(event) = uffd.read_event()? else {
            continue;
        };
        let Event::Pagefault { addr, .. } = event else {
            bail!("there was {event:?}");
        };
        let offset = addr.addr() - region.base_host_virt_addr;
        // SAFETY: the page is in the mapped file, and the kernel writes to the other process alone.
        unsafe { uffd.copy(from.wrapping_byte_add(offset), addr, PAGE, true) }?;
    }
}

fn receive(connection: &UnixStream) -> Result<(Region, Uffd)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 1024];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received =
        rustix::net::recvmsg(connection.as_fd(), &mut parts, &mut ancillary, RecvFlags::empty())?.bytes;
    let descriptor: Option<OwnedFd> = ancillary.drain().find_map(|part| match part {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let [region] = serde_json::from_slice(&bytes[..received])?;
    let descriptor = descriptor.context("no descriptor came")?;
    // SAFETY: it is the userfaultfd that was sent, and nobody else owns it.
    Ok((region, unsafe { Uffd::from_raw_fd(descriptor.into_raw_fd()) }))
}
