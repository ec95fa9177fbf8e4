//! A program in a sandbox that is spoken with: its output here, our input there, whatever happens to the connection.
//!
//! ```text
//!              start, under a key                started
//!   (none) ────────────────────▶ open ─────────────────────▶ followed ──── end ────▶ Finish
//!                                 ▲                             │
//!                                 │  process, offsets read      │ the connection breaks
//!                                 └───────── wait ◀─────────────┘
//! ```
//!
//! The program outlives its connections. One that breaks is made again and taken up where the output was left, so that
//! nothing is shown twice; only input that was on its way may be lost. A start is repeated under its key: it runs once.

mod follow;
mod input;
mod message;
mod terminal;

pub(crate) use follow::{Finish, Follow, Quiet};
pub(crate) use input::{Input, Keys, standard_input};
pub(crate) use message::Start;
pub(crate) use terminal::{Raw, Size, sizes, told_to_end};
