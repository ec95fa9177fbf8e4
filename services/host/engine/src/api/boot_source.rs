//! `PUT /boot-source`: what the machine boots.

use serde::{Deserialize, Serialize};

/// Body of `PUT /boot-source` (`BootSource`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootSource {
    /// The kernel as the engine sees it: an ELF for both engines, or a bzImage for QEMU alone.
    pub kernel_image_path: String,
    /// The initial ramdisk, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd_path: Option<String>,
    /// Kernel command line; the engine has a default when this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_args: Option<String>,
}
