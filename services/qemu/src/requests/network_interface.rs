//! `PUT /network-interfaces/{iface_id}`

use super::unsupported;
use crate::machine::{Artifact, Change, Decision, Fault, Machine};
use roost_engine::api::NetworkInterface;

pub(super) fn decide(machine: &Machine, interface: NetworkInterface) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    unsupported("rx_rate_limiter", interface.rx_rate_limiter.as_ref())?;
    unsupported("tx_rate_limiter", interface.tx_rate_limiter.as_ref())?;
    if let Some(mac) = &interface.guest_mac {
        if !is_mac(mac) {
            return Err(Fault::Mac { found: mac.clone() });
        }
        let same = |other: &Option<String>| {
            other
                .as_ref()
                .is_some_and(|other| other.eq_ignore_ascii_case(mac))
        };
        let mut others = machine.config.network_interfaces.iter();
        if let Some(other) =
            others.find(|other| other.iface_id != interface.iface_id && same(&other.guest_mac))
        {
            return Err(Fault::MacInUse {
                mac: mac.clone(),
                iface_id: other.iface_id.clone(),
            });
        }
    }
    let tap = Artifact::Tap(interface.host_dev_name.clone());
    Ok(Decision::provided(vec![tap], Change::NetworkInterface(interface)))
}

fn is_mac(text: &str) -> bool {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(is_pair)
}
