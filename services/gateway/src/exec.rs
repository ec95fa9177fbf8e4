//! A program's output, from the stream it is kept in to the body of an answer, in bounded memory.
//!
//! ```text
//!   OUTPUT frames ──▶ Follow ─┬▶ collect (≤ MAX_KEPT per channel, all within one budget) ──▶ render ──▶ held body
//!                       │      └▶ stream
//!   fleet: the process has ended, but no last frame came ──▶ its end is read from the log
//! ```

mod collect;
mod follow;
mod held;
mod render;

pub(crate) use collect::{Finished, UNIT, collect};
pub(crate) use follow::Follow;
pub(crate) use held::held;
pub(crate) use render::render;
