//! What the user types or pipes in.
//!
//! ```text
//!   after a line's end ── ~ ──▶ escape ── . ──▶ leave          any other key: both are passed on
//! ```

use std::io::{ErrorKind, Read};

use tokio::sync::mpsc;

/// The most that is read at once.
const PIECE: usize = 32 * 1024;
/// Pieces that wait for the connection: then the reader waits too.
const PIECES: usize = 4;

/// What comes from standard input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// This was typed.
    Bytes(Vec<u8>),
    /// The user wants to leave, and the program to go on.
    Leave,
}

/// Reads standard input to its end, in a thread of its own: such a read cannot be called off.
pub(crate) fn standard_input(mut keys: Keys) -> mpsc::Receiver<Input> {
    let (send, receive) = mpsc::channel(PIECES);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match stdin.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // A terminal that hung up has no more to say.
                Err(_) => return,
            };
            let (bytes, leaves) = keys.pass(&piece[..read]);
            let typed = bytes.is_empty() || send.blocking_send(Input::Bytes(bytes)).is_ok();
            if !typed || (leaves && send.blocking_send(Input::Leave).is_ok()) {
                return;
            }
        }
    });
    receive
}

/// What keys mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nothing but themselves.
    Plain,
    /// `~.` at the beginning of a line leaves; this is such a beginning.
    LineBegins,
    /// The same in the midst of a line.
    InLine,
    /// The same after a `~` that is held back.
    Escape,
}

impl Keys {
    /// What of `typed` is passed on, and whether the user leaves.
    fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len() + 1);
        for &key in typed {
            match (*self, key) {
                (Self::Escape, b'.') => return (passed, true),
                (Self::LineBegins, b'~') => {
                    *self = Self::Escape;
                    continue;
                }
                (Self::Escape, _) => passed.push(b'~'),
                _ => {}
            }
            passed.push(key);
            *self = match (*self, key) {
                (Self::Plain, _) => Self::Plain,
                (_, b'\r' | b'\n') => Self::LineBegins,
                _ => Self::InLine,
            };
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(pieces: &[&str]) -> (String, bool) {
        let mut keys = Keys::LineBegins;
        let mut all = Vec::new();
        for piece in pieces {
            let (passed, leaves) = keys.pass(piece.as_bytes());
            all.extend(passed);
            if leaves {
                return (String::from_utf8(all).unwrap(), true);
            }
        }
        (String::from_utf8(all).unwrap(), false)
    }

    #[test]
    fn a_tilde_and_a_dot_leave_at_the_beginning_of_a_line_only() {
        let stays = |text: &str| (text.to_owned(), false);
        let leaves = |text: &str| (text.to_owned(), true);
        assert_eq!(pass(&["~."]), leaves(""));
        assert_eq!(pass(&["ls\r", "~", "."]), leaves("ls\r"));
        assert_eq!(pass(&["cd ~.\r"]), stays("cd ~.\r"));
        assert_eq!(pass(&["~/bin/x\r"]), stays("~/bin/x\r"));
        assert_eq!(pass(&["~", "~."]), stays("~~."));
        assert_eq!(pass(&["~\r~."]), leaves("~\r"));
    }

    #[test]
    fn without_a_terminal_every_byte_is_passed_on() {
        assert_eq!(Keys::Plain.pass(b"\n~.\n"), (b"\n~.\n".to_vec(), false));
    }
}
