//! Frames of RFC 6455 as a server writes them: whole, and without a mask.

use bytes::{BufMut, Bytes, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Bytes that a control frame's payload may have.
pub(super) const MAX_CONTROL: usize = 125;

/// Adds a text message.
pub(in crate::events) fn text_frame(text: &str, to: &mut BytesMut) {
    frame(OpCode::Data(Data::Text), text.as_bytes(), to);
}

/// An empty ping.
pub(super) fn ping_frame() -> Bytes {
    control(Control::Ping, &[])
}

/// The answer to a ping.
pub(super) fn pong_frame(payload: &[u8]) -> Bytes {
    control(Control::Pong, payload)
}

/// A close with its code; the reason is cut to what has room.
pub(super) fn close_frame(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL - 2)];
    control(Control::Close, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

fn control(kind: Control, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    frame(OpCode::Control(kind), payload, &mut bytes);
    bytes.freeze()
}

fn frame(opcode: OpCode, payload: &[u8], to: &mut BytesMut) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let length = payload.len() as u64;
    header
        .format(length, &mut (&mut *to).writer())
        .expect("memory takes what is written");
    to.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_the_standard_has_them() {
        // RFC 6455, section 5.7.
        let mut hello = BytesMut::new();
        text_frame("Hello", &mut hello);
        assert_eq!(hello[..], [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        let mut long = BytesMut::new();
        text_frame(&"x".repeat(256), &mut long);
        assert_eq!((&long[..4], long.len()), (&[0x81, 0x7e, 0x01, 0x00][..], 260));
        assert_eq!(ping_frame()[..], [0x89, 0x00]);
        assert_eq!(pong_frame(b"Hello")[..2], [0x8a, 0x05]);
        let close = close_frame(1008, &"é".repeat(100));
        assert_eq!(close[..4], [0x88, 124, 0x03, 0xf0]);
    }
}
