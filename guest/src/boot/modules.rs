//! Kernel modules of the initramfs, loaded in the order the image build wrote down.

use std::fs::{self, File};
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

use super::{BootError, Doing};

/// The file in the modules folder that lists the others, one name a line, each after what it needs.
const ORDER: &str = "order";

/// Loads every module of `folder`. One that is already there is not an error: it may be built in.
pub(super) fn load_all(folder: &str) -> Result<(), BootError> {
    let folder = Path::new(folder);
    let order = fs::read_to_string(folder.join(ORDER))
        .doing(|| format!("read the list of modules in {}", folder.display()))?;
    for name in order.lines().filter(|line| !line.is_empty()) {
        let file = File::open(folder.join(name)).doing(|| format!("open module {name}"))?;
        match finit_module(file, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error).doing(|| format!("load module {name}")),
        }
    }
    Ok(())
}
