//! What an engine inherits: standard input, output and error, and nothing else.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::close;

use crate::error::Jammed;

/// Descriptors from here on are not standard ones.
const FIRST: i32 = 3;

/// Closes what whoever started this process left open for it: a descriptor reaches whatever it leads to, out of any jail.
///
/// To be done first: nothing of this process has any open by then.
pub(crate) fn close_inherited() -> Result<(), Jammed> {
    let own = Path::new("/proc/self/fd");
    let entries = fs::read_dir(own).map_err(Jammed::at("list the descriptors in", own))?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let inherited: Vec<i32> = numbers.filter(|number| *number >= FIRST).collect();
    inherited.into_iter().try_for_each(|number| match close(number) {
        // That of the list itself is closed by now.
        Ok(()) | Err(Errno::EBADF) => Ok(()),
        Err(error) => Err(Jammed::step("close what was inherited")(error)),
    })
}
