//! What a snapshot's configuration becomes when it is loaded somewhere else.

use super::{Config, Fault};
use roost_engine::api::{MemBackend, NetworkOverride, Serial};
use std::path::PathBuf;

/// A snapshot to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// File with the state of CPUs and devices.
    pub state: PathBuf,
    /// Where the memory comes from.
    pub memory: MemBackend,
    /// Told back by `GET /machine-config`. A diff holds the pages that are there, tracked or not.
    pub track_dirty_pages: bool,
    /// Interfaces that get another TAP.
    pub overrides: Vec<NetworkOverride>,
    /// Whether the vCPUs run afterwards.
    pub resume: bool,
}

impl Restore {
    /// `config` as this load changes it, with the console of the engine that loads it.
    pub(crate) fn apply(&self, mut config: Config, serial: &Serial) -> Result<Config, Fault> {
        for wanted in &self.overrides {
            let mut interfaces = config.network_interfaces.iter_mut();
            let interface = interfaces
                .find(|interface| interface.iface_id == wanted.iface_id)
                .ok_or_else(|| Fault::UnknownOverride {
                    id: wanted.iface_id.clone(),
                })?;
            interface.host_dev_name.clone_from(&wanted.host_dev_name);
        }
        config.machine.track_dirty_pages = self.track_dirty_pages;
        config.serial = serial.clone();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::{MemBackendType, NetworkInterface};

    fn restore(iface_id: &str) -> Restore {
        Restore {
            state: "state".into(),
            memory: MemBackend {
                backend_type: MemBackendType::File,
                backend_path: "memory".to_owned(),
            },
            track_dirty_pages: true,
            overrides: vec![NetworkOverride {
                iface_id: iface_id.to_owned(),
                host_dev_name: "tap7".to_owned(),
            }],
            resume: false,
        }
    }

    fn config() -> Config {
        Config {
            network_interfaces: vec![NetworkInterface {
                iface_id: "eth0".to_owned(),
                host_dev_name: "tap0".to_owned(),
                ..NetworkInterface::default()
            }],
            ..Config::default()
        }
    }

    #[test]
    fn an_interface_moves_to_another_tap() {
        let config = restore("eth0")
            .apply(config(), &Serial::bounded("console.log", 9))
            .unwrap();
        assert_eq!(config.network_interfaces[0].host_dev_name, "tap7");
        assert_eq!(config.serial.serial_out_path.as_deref(), Some("console.log"));
        assert!(config.machine.track_dirty_pages);
    }

    #[test]
    fn an_interface_that_the_snapshot_lacks_is_named() {
        let refused = restore("eth1").apply(config(), &Serial::default());
        assert_eq!(
            refused,
            Err(Fault::UnknownOverride {
                id: "eth1".to_owned()
            })
        );
    }
}
