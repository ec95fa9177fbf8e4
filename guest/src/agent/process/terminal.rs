//! Pseudo-terminals: the agent's side of one, as a keyboard and a screen.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use roost_schemas::envd::process::PTY;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

/// What a terminal of no size gets: programs divide by it.
const USUAL: (u16, u16) = (80, 24);

/// A terminal's size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    cols: u16,
    rows: u16,
}

/// No terminal is as large as that.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a terminal of {cols} columns and {rows} rows: each may be 65535 at most")]
pub(in crate::agent) struct TooLarge {
    cols: u32,
    rows: u32,
}

impl Size {
    /// The size a message asks for.
    pub(super) fn of(pty: &PTY) -> Result<Self, TooLarge> {
        let (cols, rows) = (pty.size.cols, pty.size.rows);
        let cells = |asked: u32, usual: u16| match asked {
            0 => Ok(usual),
            _ => u16::try_from(asked).map_err(|_| TooLarge { cols, rows }),
        };
        Ok(Self {
            cols: cells(cols, USUAL.0)?,
            rows: cells(rows, USUAL.1)?,
        })
    }
}

/// The agent's side for input: what is written here is typed.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// For the size, which must not wait for what is being typed.
    control: OwnedFd,
    typed: Mutex<pipe::Sender>,
}

/// The agent's side for output: what is shown can be read here.
#[derive(Debug)]
pub(super) struct Screen(pipe::Receiver);

/// Opens a new terminal: the agent's two sides of it, and the one that a process gets.
pub(super) fn open(size: Size) -> io::Result<(Keyboard, Screen, OwnedFd)> {
    // Neither side may become the agent's own controlling terminal, nor be inherited by other processes.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    ioctl_fionbio(&ours, true)?;
    // To poll, read and write, our side is like the end of a pipe, and so are its copies.
    let screen = Screen(pipe::Receiver::from_owned_fd_unchecked(ours.try_clone()?)?);
    let typed = Mutex::new(pipe::Sender::from_owned_fd_unchecked(ours.try_clone()?)?);
    let keyboard = Keyboard { control: ours, typed };
    keyboard.resize(size)?;
    Ok((keyboard, screen, theirs))
}

impl Keyboard {
    /// Changes the size; programs in the foreground get SIGWINCH.
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.cols,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.control, size)?;
        Ok(())
    }

    /// Types `data`, as fast as the programs behind it take it. Writers take turns.
    pub(super) async fn write(&self, data: &[u8]) -> io::Result<()> {
        self.typed.lock().await.write_all(data).await
    }
}

impl AsyncRead for Screen {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.0).poll_read(context, buffer)) {
            // How Linux says that nobody has the other side open any more.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use roost_schemas::envd::process::pty;
    use rustix::termios::tcgetwinsize;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn asked(cols: u32, rows: u32) -> Result<Size, TooLarge> {
        Size::of(&PTY {
            size: pty::Size { cols, rows }.into(),
        })
    }

    #[test]
    fn a_size_has_a_default_and_a_bound() {
        assert_eq!(asked(0, 50), Ok(Size { cols: 80, rows: 50 }));
        assert_eq!(Size::of(&PTY::default()), Ok(Size { cols: 80, rows: 24 }));
        assert_eq!(
            asked(65_535, 1),
            Ok(Size {
                cols: 65_535,
                rows: 1
            })
        );
        assert!(asked(65_536, 1).unwrap_err().to_string().contains("65536"));
    }

    #[tokio::test]
    async fn both_sides_talk_and_the_end_is_an_end() {
        let (keyboard, mut screen, theirs) = open(asked(100, 30).unwrap()).unwrap();
        let size = |fd: &File| tcgetwinsize(fd).map(|size| (size.ws_col, size.ws_row)).unwrap();
        let mut theirs = File::from(theirs);
        assert_eq!(size(&theirs), (100, 30));
        keyboard.resize(asked(90, 20).unwrap()).unwrap();
        assert_eq!(size(&theirs), (90, 20));

        keyboard.write(b"typed\n").await.unwrap();
        let mut line = [0; 6];
        theirs.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"typed\n");
        theirs.write_all(b"shown\n").unwrap();
        drop(theirs);
        let mut all = String::new();
        screen.read_to_string(&mut all).await.unwrap();
        assert_eq!(
            all, "typed\r\nshown\r\n",
            "the line discipline echoes and ends lines"
        );
    }
}
