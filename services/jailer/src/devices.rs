//! The devices of a jail: those that an engine opens, for its user alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::error::Jammed;

/// Which they are; one that the machine does not have is left out. `userfaultfd` stands for a privilege: an engine has to
/// report also those faults that the kernel runs into on its behalf.
const DEVICES: [&str; 6] = ["null", "urandom", "random", "net/tun", "kvm", "userfaultfd"];

/// Makes them in `dev`, as they are in the machine's `/dev`.
pub(crate) fn make(dev: &Path, uid: u32, gid: u32) -> Result<(), Jammed> {
    for name in DEVICES {
        let Ok(found) = fs::metadata(Path::new("/dev").join(name)) else {
            continue;
        };
        let device = dev.join(name);
        if let Some(folder) = device.parent() {
            fs::create_dir_all(folder).map_err(Jammed::at("make", folder))?;
        }
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &device, FileType::CharacterDevice, mode, found.rdev())
            .map_err(Jammed::at("make the device", &device))?;
        chown(&device, Some(uid), Some(gid)).map_err(Jammed::at("give away", &device))?;
    }
    Ok(())
}
