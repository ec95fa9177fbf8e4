//! What leaves a process or outlives one: its bytes, its names, and what is refused when they are not ours.

mod any_bytes;
mod commands;
mod commits;
mod golden;
mod ids;
mod samples;
mod subjects;
