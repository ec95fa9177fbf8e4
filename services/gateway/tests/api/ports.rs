//! The data plane over a real edge: who reaches which port, what is seen there, and what is answered when nobody is.

mod answers;
mod asleep;
mod behind;
mod files;
mod passing;
pub(crate) mod stage;
