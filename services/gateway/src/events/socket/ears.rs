//! What the client of an event stream says, in as little memory as that needs.

use std::io::{self, Cursor};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, ReadHalf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::Io;
use super::wire::MAX_CONTROL;

/// Bytes that are read at a time: a control frame, and a little more.
const READ: usize = 256;

/// One frame of the client's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Ping(Bytes),
    Pong,
    Close,
    /// Nothing that a stream takes, and why.
    Other(&'static str),
}

/// See the module.
pub(super) struct Ears {
    reader: ReadHalf<Io>,
    buffer: BytesMut,
}

impl Ears {
    pub(super) fn new(reader: ReadHalf<Io>) -> Self {
        let buffer = BytesMut::new();
        Self { reader, buffer }
    }

    /// The next frame. Dropped early, it has lost nothing.
    pub(super) async fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = parse(&mut self.buffer) {
                return Ok(heard);
            }
            if self.buffer.is_empty() {
                // A quiet client holds no memory.
                self.buffer = BytesMut::new();
            }
            let mut read = [0; READ];
            let count = self.reader.read(&mut read).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&read[..count]);
        }
    }

    /// Throws away what the client sends, to its end.
    pub(super) async fn drain(&mut self) -> io::Result<()> {
        let mut read = [0; READ];
        while self.reader.read(&mut read).await? > 0 {}
        Ok(())
    }
}

/// The first frame in `buffer`, if it is there whole. Messages are refused by their header: they are not read.
fn parse(buffer: &mut BytesMut) -> Option<Heard> {
    let mut cursor = Cursor::new(&buffer[..]);
    let (header, length) = match FrameHeader::parse(&mut cursor) {
        Ok(None) => return None,
        Ok(Some(found)) => found,
        Err(_) => return Some(Heard::Other("what you sent is no frame")),
    };
    let begin = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    let OpCode::Control(kind) = header.opcode else {
        return Some(Heard::Other("an event stream takes no messages"));
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some(mask) = header.mask.filter(|_| length <= MAX_CONTROL && header.is_final) else {
        return Some(Heard::Other("what you sent is no client's control frame"));
    };
    if buffer.len() < begin + length {
        return None;
    }
    buffer.advance(begin);
    let mut payload = buffer.split_to(length);
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some(match kind {
        Control::Ping => Heard::Ping(Bytes::copy_from_slice(&payload)),
        Control::Pong => Heard::Pong,
        Control::Close => Heard::Close,
        Control::Reserved(_) => Heard::Other("what you sent is no frame"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> (Option<Heard>, usize) {
        let mut buffer = BytesMut::from(bytes);
        let heard = parse(&mut buffer);
        (heard, buffer.len())
    }

    #[test]
    fn a_frame_is_heard_once_it_is_whole() {
        // RFC 6455, section 5.7: a masked pong that says Hello, here as a ping.
        let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        for cut in 0..ping.len() {
            assert_eq!(heard(&ping[..cut]), (None, cut), "{cut}");
        }
        let whole = Some(Heard::Ping(Bytes::from_static(b"Hello")));
        assert_eq!(heard(&ping), (whole, 0));
        assert_eq!(heard(&[0x8a, 0x80, 1, 2, 3, 4, 9]), (Some(Heard::Pong), 1));
        assert_eq!(heard(&[0x88, 0x80, 0, 0, 0, 0]), (Some(Heard::Close), 0));
    }

    #[test]
    fn what_no_stream_takes_is_refused_by_its_header() {
        for bad in [
            // A text, a gigabyte of it, and a fragment.
            &[0x81, 0x85, 0, 0, 0, 0][..],
            &[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0],
            &[0x00, 0x80, 0, 0, 0, 0],
            // Without a mask; a ping in fragments; one that is too long; an opcode that there is not.
            &[0x89, 0x00],
            &[0x09, 0x80, 0, 0, 0, 0],
            &[0x89, 0xfe, 0, 126, 0, 0, 0, 0],
            &[0x8f, 0x80, 0, 0, 0, 0],
        ] {
            assert!(matches!(heard(bad).0, Some(Heard::Other(_))), "{bad:x?}");
        }
    }
}
