//! A bare-metal guest of a few instructions, made here from nothing.
//!
//! It boots in milliseconds on both engines, also where a machine's KVM cannot run Linux.

mod code;
mod elf;

pub(crate) use code::{BANNER, Behaviour, PAGE, PATTERN, TICK, WRONG};

use std::{fs, path::Path};

/// Writes a guest with this behaviour to `dir` and returns its path.
pub(crate) fn write(dir: &Path, behaviour: Behaviour) -> String {
    let path = dir.join(format!("{behaviour:?}.elf"));
    fs::write(&path, elf::wrap(&code::assemble(behaviour, elf::entry()))).expect("write the guest");
    path.to_str().expect("a UTF-8 directory").to_owned()
}
