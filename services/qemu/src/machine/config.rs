//! Everything that is configured before the start.

use roost_engine::api::{BootSource, Drive, Entropy, MachineConfig, MmdsConfig, NetworkInterface, Serial};
use serde::{Deserialize, Serialize};

/// The machine to be built; serialized, it is the answer of `GET /vm/config` (`FullVmConfiguration`), and what a snapshot
/// says of its machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// CPUs and memory.
    #[serde(rename = "machine-config")]
    pub machine: MachineConfig,
    /// What boots; nothing in a machine that was loaded.
    pub boot_source: Option<BootSource>,
    /// Drives, the root drive first.
    pub drives: Vec<Drive>,
    /// Network interfaces in the order they were put.
    pub network_interfaces: Vec<NetworkInterface>,
    /// The metadata service.
    pub mmds_config: Option<MmdsConfig>,
    /// The random number device.
    pub entropy: Option<Entropy>,
    /// Where the console goes; Firecracker leaves it out of the answer as well.
    #[serde(skip)]
    pub serial: Serial,
}

impl Config {
    /// Replaces the drive of the same id in its place; a new root drive goes to the front, any other to the end.
    pub(super) fn insert_drive(&mut self, drive: Drive) {
        let place = self
            .drives
            .iter()
            .position(|other| other.drive_id == drive.drive_id);
        let is_root = drive.is_root_device;
        let at = place.unwrap_or(self.drives.len());
        self.drives.splice(at..self.drives.len().min(at + 1), [drive]);
        if is_root {
            self.drives[..=at].rotate_right(1);
        }
    }

    /// Replaces the interface of the same id, or adds one.
    pub(super) fn insert_interface(&mut self, interface: NetworkInterface) {
        match self
            .network_interfaces
            .iter_mut()
            .find(|other| other.iface_id == interface.iface_id)
        {
            Some(other) => *other = interface,
            None => self.network_interfaces.push(interface),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(config: &Config) -> Vec<&str> {
        config
            .drives
            .iter()
            .map(|drive| drive.drive_id.as_str())
            .collect()
    }

    #[test]
    fn the_root_drive_comes_first_whenever_it_was_put() {
        let mut config = Config::default();
        config.insert_drive(Drive::writable("data", "/d"));
        config.insert_drive(Drive::writable("more", "/m"));
        config.insert_drive(Drive::root_read_only("rootfs", "/r"));
        assert_eq!(ids(&config), ["rootfs", "data", "more"]);
    }

    #[test]
    fn a_drive_put_again_replaces_itself() {
        let mut config = Config::default();
        config.insert_drive(Drive::root_read_only("rootfs", "/r"));
        config.insert_drive(Drive::writable("data", "/d"));
        config.insert_drive(Drive::writable("data", "/other"));
        config.insert_drive(Drive::root_read_only("rootfs", "/other"));
        assert_eq!(ids(&config), ["rootfs", "data"]);
        assert!(
            config
                .drives
                .iter()
                .all(|drive| drive.path_on_host.as_deref() == Some("/other"))
        );
    }
}
