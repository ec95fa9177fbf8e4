//! The rules inside a slot's namespace.

use nftables::expr::MetaKey;
use nftables::schema::Nftables;
use nftables::types::{NfChainPolicy as Policy, NfChainType as Type, NfHook};

use super::terms::{
    TableWriter, accept, appear_as, connections_over, drop, field_is, field_is_not, from_link, ip_blocks,
    is_established, is_of_who_answers, is_of_who_began, is_reply, jump, meta_is_not, redirect_to, reject,
    text, to_address, to_link, was_redirected,
};
use super::{egress, forbidden_targets, own};
use crate::addresses::{AddressPlan, Addresses};
use crate::egress::Reach;
use crate::guest;
use crate::names::Pin;

/// Name of the namespace's end of the veth pair.
pub(crate) const UPLINK: &str = "eth0";

/// Name of the table.
pub(crate) const TABLE: &str = "roost";

/// Connections one guest may have open. Each also takes an entry of the host's connection table, whose size (65,536 or
/// more) bounds the whole machine: no one guest may fill it.
const MAX_CONNECTIONS: u32 = 4096;

/// The whole table of one slot, whose names have the addresses of `pins`.
pub(crate) fn ruleset(
    plan: &AddressPlan,
    slot: &Addresses,
    reach: &Reach,
    pins: &[Pin],
) -> Nftables<'static> {
    let mut table = TableWriter::new(TABLE);

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

    table.chain(
        "redirect",
        Some((Type::NAT, NfHook::Prerouting, -100, Policy::Accept)),
        vec![vec![
            from_link(UPLINK),
            to_address(slot.host_address),
            redirect_to(guest::ADDRESS),
        ]],
    );

    egress::add(&mut table, reach, pins);
    table.chain(
        "egress",
        None,
        vec![
            vec![connections_over(MAX_CONNECTIONS), drop()],
            vec![
                field_is("ip", "daddr", ip_blocks(&forbidden_targets(plan))),
                reject(),
            ],
            vec![accept()],
        ],
    );
    let from_host = field_is("ip", "saddr", text(slot.host_end));
    table.chain(
        "forward",
        Some((Type::Filter, NfHook::Forward, 0, Policy::Drop)),
        vec![
            vec![
                from_link(guest::TAP),
                to_link(UPLINK),
                is_of_who_began(),
                jump(egress::SENT),
            ],
            // Errors about a connection come from anywhere on its path, so they are none of the lists' business.
            vec![
                from_link(UPLINK),
                to_link(guest::TAP),
                is_established(),
                is_of_who_answers(),
                jump(egress::ANSWERED),
            ],
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

    own::add(&mut table);

    // The host appears to the guest as its gateway, so that what a guest sees does not depend on its slot.
    table.chain(
        "source",
        Some((Type::NAT, NfHook::Postrouting, 100, Policy::Accept)),
        vec![
            vec![to_link(UPLINK), appear_as(slot.slot_end)],
            vec![to_link(guest::TAP), appear_as(guest::GATEWAY)],
        ],
    );

    // A guest asks and answers for its own address alone, and hears of no other address that the slot has.
    let mut table = table.and_arp();
    table.chain(
        "identity",
        Some((Type::Filter, NfHook::Input, 0, Policy::Accept)),
        vec![
            vec![
                from_link(guest::TAP),
                field_is("arp", "saddr ether", text(guest::MAC)),
                field_is("arp", "saddr ip", text(guest::ADDRESS)),
                field_is("arp", "daddr ip", text(guest::GATEWAY)),
                accept(),
            ],
            vec![from_link(guest::TAP), drop()],
        ],
    );
    table.finish()
}
