//! The machine's id, see machine-id(5).

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

use crate::names::replace;

/// Where programs read it, and where D-Bus had it first.
const FILE: &str = "etc/machine-id";
const DBUS_FILE: &str = "var/lib/dbus/machine-id";

/// 32 hexadecimal digits in lower case, not all zeros.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct MachineId(String);

/// This is none.
#[derive(Debug, Error)]
#[error("{0:?} is no machine id: 32 hexadecimal digits in lower case, not all zeros")]
pub(super) struct MachineIdError(String);

impl TryFrom<String> for MachineId {
    type Error = MachineIdError;

    fn try_from(text: String) -> Result<Self, MachineIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let valid = text.len() == 32 && text.bytes().all(is_digit) && text.bytes().any(|byte| byte != b'0');
        if valid {
            Ok(Self(text))
        } else {
            Err(MachineIdError(text))
        }
    }
}

impl MachineId {
    /// Writes its files below `root`; D-Bus's own only if there is one, and not when it is a link to the other.
    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let text = format!("{}\n", self.0);
        replace(&root.join(FILE), &text)?;
        let dbus = root.join(DBUS_FILE);
        if fs::symlink_metadata(&dbus).is_ok_and(|metadata| metadata.is_file()) {
            replace(&dbus, &text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_files_are_renewed_and_a_link_stays_one() {
        let root = tempfile::tempdir().unwrap();
        let (etc, dbus) = (root.path().join(FILE), root.path().join(DBUS_FILE));
        for file in [&etc, &dbus] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        let write = |digit: &str| MachineId(digit.repeat(32)).write(root.path()).unwrap();
        write("1");
        assert!(!dbus.exists(), "there was none");
        fs::write(&dbus, "old").unwrap();
        write("2");
        let expected = "2".repeat(32) + "\n";
        assert_eq!(
            [&etc, &dbus].map(|file| fs::read_to_string(file).unwrap()),
            [expected.clone(), expected]
        );
        fs::remove_file(&dbus).unwrap();
        symlink(&etc, &dbus).unwrap();
        write("3");
        assert!(fs::symlink_metadata(&dbus).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&dbus).unwrap(), "3".repeat(32) + "\n");
    }
}
