//! The rules inside a slot's namespace.

use std::net::SocketAddrV4;

use nftables::expr::MetaKey;
use nftables::schema::Nftables;
use nftables::types::{NfChainPolicy as Policy, NfChainType as Type, NfHook};

use super::forbidden_targets;
use super::terms::{
    TableWriter, accept, appear_as, connections_over, drop, field_is, field_is_not, from_link, ip_blocks,
    is_reply, jump, meta_is_not, redirect_to, reject, text, texts, to_address, to_link, to_socket,
    was_redirected,
};
use crate::addresses::{AddressPlan, Addresses};
use crate::guest;

/// Name of the namespace's end of the veth pair.
pub(crate) const UPLINK: &str = "eth0";

/// Name of the table.
pub(crate) const TABLE: &str = "roost";

/// Name of the chain that a guest's new connections pass last: the place for a sandbox's own allow and deny lists. It
/// comes after the fixed denials, so a list can narrow what a guest may reach and never widen it.
pub(crate) const SANDBOX_LISTS: &str = "sandbox";

/// Connections one guest may have open. Each also takes an entry of the host's connection table, whose size (65,536 or
/// more) bounds the whole machine: no one guest may fill it.
const MAX_CONNECTIONS: u32 = 4096;

/// The whole table of one slot.
pub(crate) fn ruleset(plan: &AddressPlan, slot: &Addresses, resolver: SocketAddrV4) -> Nftables<'static> {
    let mut table = TableWriter::new(TABLE);
    let [udp, tcp] = ["udp", "tcp"];

    // Before connection tracking: a guest speaks as itself, over IPv4, or not at all.
    table.chain(
        "identity",
        Some((Type::Filter, NfHook::Prerouting, -300, Policy::Accept)),
        vec![
            vec![meta_is_not(MetaKey::Nfproto, text("ipv4")), drop()],
            vec![
                from_link(guest::TAP),
                field_is_not("ether", "saddr", text(guest::MAC)),
                drop(),
            ],
            vec![
                from_link(guest::TAP),
                field_is_not("ip", "saddr", text(guest::ADDRESS)),
                drop(),
            ],
        ],
    );

    let to_dns = |protocol| {
        let [address, port] = to_socket(protocol, SocketAddrV4::new(guest::GATEWAY, guest::DNS_PORT));
        vec![
            from_link(guest::TAP),
            address,
            port,
            redirect_to(*resolver.ip(), Some(resolver.port())),
        ]
    };
    table.chain(
        "redirect",
        Some((Type::NAT, NfHook::Prerouting, -100, Policy::Accept)),
        vec![
            to_dns(udp),
            to_dns(tcp),
            vec![
                from_link(UPLINK),
                to_address(slot.host_address),
                redirect_to(guest::ADDRESS, None),
            ],
        ],
    );

    table.chain(SANDBOX_LISTS, None, vec![]);
    let may_ask = |protocol| {
        let [address, port] = to_socket(protocol, resolver);
        vec![was_redirected(), address, port, accept()]
    };
    table.chain(
        "egress",
        None,
        vec![
            vec![connections_over(MAX_CONNECTIONS), drop()],
            may_ask(udp),
            may_ask(tcp),
            vec![
                field_is("ip", "daddr", ip_blocks(&forbidden_targets(plan))),
                reject(),
            ],
            vec![jump(SANDBOX_LISTS)],
            vec![accept()],
        ],
    );
    let from_host = field_is("ip", "saddr", text(slot.host_end));
    table.chain(
        "forward",
        Some((Type::Filter, NfHook::Forward, 0, Policy::Drop)),
        vec![
            vec![is_reply(), accept()],
            vec![from_link(guest::TAP), to_link(UPLINK), jump("egress")],
            vec![
                from_link(UPLINK),
                to_link(guest::TAP),
                from_host,
                was_redirected(),
                accept(),
            ],
        ],
    );

    // The namespace itself serves nobody and says nothing but the errors of packets it forwards: an engine that was
    // broken out of holds a namespace without a network.
    let errors = texts(&["destination-unreachable", "time-exceeded", "parameter-problem"]);
    table.chain(
        "input",
        Some((Type::Filter, NfHook::Input, 0, Policy::Drop)),
        vec![],
    );
    table.chain(
        "output",
        Some((Type::Filter, NfHook::Output, 0, Policy::Drop)),
        vec![vec![field_is("icmp", "type", errors), accept()]],
    );

    // The host appears to the guest as its gateway, so that what a guest sees does not depend on its slot.
    table.chain(
        "source",
        Some((Type::NAT, NfHook::Postrouting, 100, Policy::Accept)),
        vec![
            vec![to_link(UPLINK), appear_as(slot.slot_end)],
            vec![to_link(guest::TAP), appear_as(guest::GATEWAY)],
        ],
    );
    table.finish()
}
