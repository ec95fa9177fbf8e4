//! The virtio devices of a machine, as QEMU's options.
//!
//! Options are JSON, so that a comma or a quote in a path cannot become an option of its own. Every device is told its
//! bus: Linux finds the buses of a microvm from the last to the first, so the first drive, which shall be `/dev/vda`,
//! gets the last bus of those in use; and a snapshot fits only a machine built in the same order.
//!
//! Bus 0 stays empty. Its interrupt is the first pin of QEMU 7.2's second I/O APIC, where a translated guest loses
//! interrupts: a disk on it hangs in its first read.

use crate::machine::Config;
use roost_engine::api::{CacheType, Drive, NetworkInterface};
use serde_json::{Value, json};

/// One device after the other.
pub(super) fn arguments(config: &Config) -> Vec<String> {
    let devices =
        config.drives.len() + config.network_interfaces.len() + usize::from(config.entropy.is_some());
    let mut options = Options {
        words: Vec::new(),
        buses: (1..=devices).rev(),
    };
    for (n, drive) in config.drives.iter().enumerate() {
        options.drive(n, drive);
    }
    for (n, interface) in config.network_interfaces.iter().enumerate() {
        options.interface(n, interface);
    }
    if config.entropy.is_some() {
        options.entropy();
    }
    options.words
}

struct Options {
    words: Vec<String>,
    buses: std::iter::Rev<std::ops::RangeInclusive<usize>>,
}

impl Options {
    fn drive(&mut self, n: usize, drive: &Drive) {
        let read_only = drive.is_read_only == Some(true);
        let no_flush = drive.cache_type == CacheType::Unsafe;
        let node = format!("drive{n}");
        self.option(
            "-blockdev",
            &json!({
                "driver": "raw",
                "node-name": node,
                "read-only": read_only,
                "cache": { "no-flush": no_flush },
                "discard": "unmap",
                "file": { "driver": "file", "filename": drive.path_on_host, "cache": { "no-flush": no_flush } },
            }),
        );
        // By default QEMU stops the guest when the host's disk is full; as on Firecracker, the guest gets the error.
        self.device(
            json!({ "driver": "virtio-blk-device", "drive": node, "werror": "report", "rerror": "report" }),
        );
    }

    fn interface(&mut self, n: usize, interface: &NetworkInterface) {
        let id = format!("net{n}");
        self.option(
            "-netdev",
            &json!({
                "type": "tap", "id": id, "ifname": interface.host_dev_name, "script": "no", "downscript": "no",
            }),
        );
        let mut device = json!({ "driver": "virtio-net-device", "netdev": id });
        if let Some(mac) = &interface.guest_mac {
            device["mac"] = json!(mac);
        }
        if let Some(mtu) = interface.mtu {
            device["host_mtu"] = json!(mtu);
        }
        self.device(device);
    }

    fn entropy(&mut self) {
        self.option("-object", &json!({ "qom-type": "rng-builtin", "id": "rng0" }));
        self.device(json!({ "driver": "virtio-rng-device", "rng": "rng0" }));
    }

    fn device(&mut self, mut device: Value) {
        device["bus"] = json!(format!(
            "virtio-mmio-bus.{}",
            self.buses.next().unwrap_or_default()
        ));
        self.option("-device", &device);
    }

    fn option(&mut self, name: &str, value: &Value) {
        self.words.extend([name.to_owned(), value.to_string()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::Entropy;

    #[test]
    fn a_path_with_a_comma_stays_one_path() {
        let config = Config {
            drives: vec![Drive::writable("d", "/tmp/a,readonly=on")],
            ..Config::default()
        };
        let words = arguments(&config);
        let value: Value = serde_json::from_str(&words[1]).unwrap();
        assert_eq!(value["file"]["filename"], "/tmp/a,readonly=on");
        assert_eq!(value["read-only"], false);
    }

    #[test]
    fn the_first_device_has_the_last_bus() {
        let config = Config {
            drives: vec![Drive::root_read_only("a", "/a"), Drive::writable("b", "/b")],
            network_interfaces: vec![NetworkInterface {
                host_dev_name: "tap0".into(),
                ..NetworkInterface::default()
            }],
            entropy: Some(Entropy::default()),
            ..Config::default()
        };
        let words = arguments(&config);
        let buses: Vec<&str> = words
            .iter()
            .filter_map(|word| word.split("virtio-mmio-bus.").nth(1)?.get(..1))
            .collect();
        assert_eq!(buses, ["4", "3", "2", "1"]);
    }
}
