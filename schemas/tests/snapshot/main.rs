//! Manifests, seals and working sets: what they say after any history, and what is refused.

mod bytes;
mod history;
mod refusals;
