//! The guest in a real VM: the `minimal` template under QEMU's emulation, spoken to as the host does.
//!
//! Needs the images (`cargo xtask images`) and `qemu-system-x86_64`; without them the tests fail and say so.

mod agent;
mod audit;
mod bad_input;
mod call;
mod clones;
mod control;
mod crowd;
mod entries;
mod files;
mod life;
mod processes;
mod replay;
mod rest;
mod restored;
mod settings;
mod terminal;
mod vm;
