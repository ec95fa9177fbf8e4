//! The rules on the host: one table per host instance, written once.
//!
//! A slot's link is recognised by its interface group, which it has from birth, so making a slot costs the host no rule.
//! Only packets of this instance's links are judged; those of the machine and of other instances pass untouched.

use nftables::expr::{Expression, MetaKey};
use nftables::schema::Nftables;
use nftables::types::{NfChainPolicy as Policy, NfChainType as Type, NfHook};

use super::forbidden_targets;
use super::terms::{
    TableWriter, accept, drop, field_is, ip_blocks, is_reply, jump, masquerade, meta_is, meta_is_not,
    source_is_spoofed, text,
};
use crate::addresses::{AddressPlan, LINK_PREFIX};
use crate::tag::Tag;

/// The whole table of one host instance.
pub(crate) fn ruleset(plan: &AddressPlan, tag: &Tag) -> Nftables<'static> {
    let group = || Expression::Number(tag.link_group());
    let from_slot = || meta_is(MetaKey::Iifgroup, group());
    let to_slot = || meta_is(MetaKey::Oifgroup, group());
    let any_slot = || text(format!("{LINK_PREFIX}*"));
    let mut table = TableWriter::new(&tag.table());

    table.chain(
        "identity",
        Some((Type::Filter, NfHook::Prerouting, -300, Policy::Accept)),
        vec![
            vec![from_slot(), meta_is_not(MetaKey::Nfproto, text("ipv4")), drop()],
            vec![from_slot(), source_is_spoofed(), drop()],
        ],
    );

    // Whatever address of this machine a guest aims at, the packet ends up here.
    table.chain(
        "from_slot_to_host",
        None,
        vec![vec![is_reply(), accept()], vec![drop()]],
    );
    table.chain(
        "input",
        Some((Type::Filter, NfHook::Input, 0, Policy::Accept)),
        vec![vec![from_slot(), jump("from_slot_to_host")]],
    );

    table.chain(
        "from_slot",
        None,
        vec![
            vec![is_reply(), accept()],
            vec![meta_is(MetaKey::Oifname, any_slot()), drop()],
            vec![
                field_is("ip", "daddr", ip_blocks(&forbidden_targets(plan))),
                drop(),
            ],
            vec![accept()],
        ],
    );
    // What is forwarded into a slot is a reply; the host's own connections are not forwarded and do not pass here.
    table.chain("to_slot", None, vec![vec![is_reply(), accept()], vec![drop()]]);
    table.chain(
        "forward",
        Some((Type::Filter, NfHook::Forward, 0, Policy::Accept)),
        vec![
            vec![to_slot(), jump("to_slot")],
            vec![from_slot(), jump("from_slot")],
        ],
    );

    // By the namespace's end of the veth pair: that is the source guests' packets arrive with, not the host address.
    let from_veths = field_is("ip", "saddr", ip_blocks(&[plan.veth_range()]));
    table.chain(
        "source",
        Some((Type::NAT, NfHook::Postrouting, 100, Policy::Accept)),
        vec![vec![
            from_veths,
            meta_is_not(MetaKey::Oifname, any_slot()),
            masquerade(),
        ]],
    );
    table.finish()
}
