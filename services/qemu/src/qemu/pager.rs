//! The process that serves the guest's page faults: how it gets the descriptor, and how we learn that it is gone.
//!
//! ```text
//!   library in QEMU ──base, size, userfaultfd──▶ here ──regions (JSON), userfaultfd──▶ pager
//!                                                  └──── the connection stays: its end is the pager's end ────┘
//! ```
//!
//! The handshake is Firecracker's. The pager sees our process as its peer, and QEMU dies with us, so killing its peer
//! ends the guest here as it does there.

use crate::machine::Fault;
use roost_engine::api::UffdRegion;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, Interest},
    net::UnixStream,
};

/// How long QEMU may take to map its memory, and the pager to accept.
const DEADLINE: Duration = Duration::from_secs(10);

/// Bytes of guest memory behind one fault.
const PAGE: u64 = 4096;

/// Where guest memory is inside QEMU, and what answers its faults.
#[derive(Debug)]
pub(super) struct Report {
    base: u64,
    size: u64,
    uffd: OwnedFd,
}

/// A connection to a pager that has the descriptor.
#[derive(Debug)]
pub(super) struct Pager {
    connection: UnixStream,
}

/// Waits for the library's report.
pub(super) async fn report(socket: &UnixStream) -> io::Result<Report> {
    let receive = socket.async_io(Interest::READABLE, || {
        let mut body = [0; 16];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut body)],
            &mut rights,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let descriptors = rights.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let uffd = descriptors.flatten().next();
        let (base, size) = body.split_at(8);
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
        match (received.bytes, uffd, number(base), number(size)) {
            (16, Some(uffd), Ok(base), Ok(size)) => Ok(Report { base, size, uffd }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    });
    tokio::time::timeout(DEADLINE, receive).await?
}

impl Pager {
    /// Hands the descriptor to the pager that listens at `path`.
    pub(super) async fn connect(path: &Path, report: &Report) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::NoPager {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let connected = tokio::time::timeout(DEADLINE, UnixStream::connect(path)).await;
        let connection = connected
            .map_err(|elapsed| failed(elapsed.into()))?
            .map_err(failed)?;
        let region = UffdRegion {
            base_host_virt_addr: report.base,
            size: report.size,
            offset: 0,
            page_size: PAGE,
            page_size_kib: PAGE,
        };
        let body = serde_json::to_vec(&[region]).map_err(|error| failed(error.into()))?;
        let sent = connection.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            let descriptors = [report.uffd.as_fd()];
            rights.push(SendAncillaryMessage::ScmRights(&descriptors));
            let sent = sendmsg(
                &connection,
                &[IoSlice::new(&body)],
                &mut rights,
                SendFlags::NOSIGNAL,
            )?;
            // A new socket's buffer holds these few bytes.
            (sent == body.len())
                .then_some(())
                .ok_or_else(|| io::ErrorKind::WriteZero.into())
        });
        sent.await.map_err(failed)?;
        Ok(Self { connection })
    }

    /// Returns when the pager is gone. May be dropped and asked again.
    pub(super) async fn gone(&mut self) {
        // The protocol has no answer: whatever comes is ignored until nothing can come any more.
        while let Ok(1..) = self.connection.read(&mut [0; 64]).await {}
    }
}
