//! Serves the page faults of one VM from a snapshot, as a process of its own that outlives the host agent.
//!
//! ```text
//!              --socket: regions + userfaultfd (Firecracker's handshake)
//!   engine ──────────────────────────────────────────▶ ┌─────────┐   mmap    memory.manifest    which page stands where
//!     ▲  faults, removed ranges ─────userfaultfd─────▶ │  pager  │ ◀──────── memory.pages of every generation
//!     │  ◀── pages ────────────────────────────────────│         │
//!     └──────── SIGKILL, if the pager cannot go on ────└─────────┘ ◀── --control: status, removed, working set ── host
//!
//!   Waiting ──handshake──▶ Serving ──engine's end──▶ exit 0
//!      │ 60 s: error          └──what it cannot go on without──▶ engine killed ──▶ error
//! ```
//!
//! A fault that nobody answers freezes the VM for ever, and the engine keeps a descriptor of its own, so that the
//! kernel never notices that the pager is gone. Hence the rules: one thread, no allocation that grows with the guest but
//! two bits a page, nothing but the engine's faults that could keep the pager waiting, and no way out that leaves the
//! engine running. What an engine says may be a lie: before there is one, the pager has given up all rights (`confine`).
//!
//! ```text
//!   handshake   what an engine says when it connects        memory      userfaultfd: events out, pages in
//!   content     the manifest and the files it names         plan        what to put in place for a page
//!   serve       the loop that answers                       control     what can be asked, and by whom it is answered
//! ```

pub mod cli;
mod confine;
mod content;
pub mod control;
mod engine;
mod error;
mod handshake;
mod last_resort;
mod memory;
mod plan;
mod poll;
mod process;
mod serve;
mod syscalls;
mod working_set;

pub use error::Death;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::cli::Cli;
use crate::content::Content;
use crate::control::desk::Desk;
use crate::poll::{Poll, Token};
use crate::serve::Service;

/// Connections that may wait to be accepted, on each socket.
const BACKLOG: i32 = 16;

/// Does all that the command does, and returns when the engine has ended or the pager was told to. It is for a process of
/// its own: whatever was open before is closed.
pub fn run(cli: &Cli) -> Result<(), Death> {
    process::settle()?;
    last_resort::prepare()?;
    let poll = Poll::new()?;
    let signals = process::signals()?;
    poll.add(&signals, Token::Signal)?;
    let content = Content::open(&cli.manifest, &cli.store)?;
    let listener = listen(&cli.socket)?;
    poll.add(&listener, Token::Listener)?;
    let control = listen(&cli.control)?;
    poll.add(&control, Token::Control)?;
    let mut desk = Desk::new(control);
    let wanted = cli.prefetch.as_deref().and_then(working_set::read);
    let cli = &confine::settle_down(cli)?;
    confine::confine(cli)?;
    process::say_ready()?;
    let patience = Duration::from_millis(cli.patience_ms);
    let Some(hello) = handshake::receive(&poll, &listener, &mut desk, content.pages(), patience)? else {
        return Ok(());
    };
    drop(listener);
    Service::new(cli, content, &wanted.unwrap_or_default(), hello, &poll)?.run(&poll, &mut desk)?;
    // A host that started after us is not told our exit code: to it, a pager whose socket is gone went in good order.
    let _ = std::fs::remove_file(&cli.control);
    Ok(())
}

/// A listening socket that only its owner may connect to.
fn listen(path: &Path) -> Result<OwnedFd, Death> {
    let failed = |source: rustix::io::Errno| Death::Socket {
        path: path.to_owned(),
        source: source.into(),
    };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    // The mode of a socket's file comes from the mask alone.
    let mask = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let bound = rustix::net::bind(&socket, &address);
    rustix::process::umask(mask);
    bound.map_err(failed)?;
    rustix::net::listen(&socket, BACKLOG).map_err(failed)?;
    Ok(socket)
}
