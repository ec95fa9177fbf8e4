//! `PUT /mmds/config`: that there is a metadata service, and where.

use crate::machine::{Change, Decision, Fault, Machine, Step};
use roost_engine::api::MmdsConfig;
use std::net::{Ipv4Addr, SocketAddrV4};

/// The service's port, which Firecracker does not let one choose.
const PORT: u16 = 80;

pub(super) fn decide(machine: &Machine, mut config: MmdsConfig) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    let address = config.ipv4_address.unwrap_or(MmdsConfig::DEFAULT_ADDRESS);
    if !is_usable(address) {
        return Err(Fault::MmdsAddress { address });
    }
    if config.network_interfaces.is_empty() {
        return Err(Fault::MmdsWithoutInterface);
    }
    let known = |id: &String| {
        let mut interfaces = machine.config.network_interfaces.iter();
        interfaces.any(|interface| interface.iface_id == *id)
    };
    if let Some(id) = config.network_interfaces.iter().find(|id| !known(id)) {
        return Err(Fault::MmdsUnknownInterface { id: id.clone() });
    }
    config.ipv4_address = Some(address);
    Ok(Decision::Do {
        step: Step::ServeMetadata(self::address(&config)),
        change: Change::MmdsConfig(config),
    })
}

/// Where the service of a machine with this configuration answers.
pub(crate) fn address(config: &MmdsConfig) -> SocketAddrV4 {
    SocketAddrV4::new(config.ipv4_address.unwrap_or(MmdsConfig::DEFAULT_ADDRESS), PORT)
}

/// Link-local, but for the first and the last 256 addresses, which RFC 3927 reserves.
fn is_usable(address: Ipv4Addr) -> bool {
    address.is_link_local() && !matches!(address.octets()[2], 0 | 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::{InstanceState, NetworkInterface};

    fn machine() -> Machine {
        let mut machine = Machine::new("m");
        machine.evolve(Change::NetworkInterface(NetworkInterface {
            iface_id: "eth0".to_owned(),
            ..NetworkInterface::default()
        }));
        machine
    }

    #[test]
    fn the_default_address_is_told_back() {
        let asked = MmdsConfig {
            ipv4_address: None,
            ..MmdsConfig::v2("eth0")
        };
        let decided = decide(&machine(), asked);
        let expected = Decision::Do {
            step: Step::ServeMetadata("169.254.169.254:80".parse().unwrap()),
            change: Change::MmdsConfig(MmdsConfig::v2("eth0")),
        };
        assert_eq!(decided, Ok(expected));
    }

    #[test]
    fn addresses_interfaces_and_order_are_checked() {
        for address in ["1.2.3.4", "169.254.0.21", "169.254.255.1"] {
            let address = address.parse().unwrap();
            let config = MmdsConfig {
                ipv4_address: Some(address),
                ..MmdsConfig::v2("eth0")
            };
            assert_eq!(decide(&machine(), config), Err(Fault::MmdsAddress { address }));
        }
        let nowhere = MmdsConfig {
            network_interfaces: Vec::new(),
            ..MmdsConfig::v2("eth0")
        };
        assert_eq!(decide(&machine(), nowhere), Err(Fault::MmdsWithoutInterface));
        let unknown = decide(&machine(), MmdsConfig::v2("eth1"));
        assert_eq!(
            unknown,
            Err(Fault::MmdsUnknownInterface {
                id: "eth1".to_owned()
            })
        );
        let mut running = machine();
        running.evolve(Change::State(InstanceState::Running));
        assert_eq!(decide(&running, MmdsConfig::v2("eth0")), Err(Fault::AfterStart));
    }
}
