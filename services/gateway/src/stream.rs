//! A program's input and output over a WebSocket.
//!
//! ```text
//!   client ── stdin, close_stdin ─▶ read ─▶ queue ─┬▶ act ─▶ agent, by the edge of its host
//!          ── signal, resize ─────▶      ─▶ queue ─┘
//!          ◀─ started, output, gap, end ── write ◀─ Relay ◀─┬─ Follow ◀─ OUTPUT, from the beginning and as far as it is kept
//!                                                           └─ live ◀─── the agent, what comes after that
//! ```
//!
//! A client that stops reading stops its own output from being read, and nobody else's; one that is gone without a word
//! is found out by pings. The program outlives the socket: another can follow it, from any offset that is still kept.

mod cursor;
mod input;
mod live;
mod relay;
mod serve;
mod socket;

pub(crate) use cursor::Cursor;
pub(crate) use serve::{Attached, Begin, serve};
pub(crate) use socket::CUT_AT;
