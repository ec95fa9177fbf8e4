//! What a slot's namespace itself takes in and says.
//!
//! It serves nobody but its guest, with metadata and names, and begins nothing: it says the errors of packets it forwards
//! and answers what was let in. An engine that was broken out of holds a namespace without a network.

use std::net::SocketAddrV4;

use nftables::types::{NfChainPolicy as Policy, NfChainType as Type, NfHook};

use super::terms::{
    TableWriter, Term, accept, at_most, connections_over, drop, field_is, from_link, is_reply, number,
    reject, text, texts, to_address, to_link, to_socket,
};
use crate::guest;

/// Requests for metadata one guest may have open; the service itself takes fewer.
const MAX_METADATA_CONNECTIONS: u32 = 64;

/// Questions for names that one guest may send in a second; each costs this machine one of its own.
const MAX_QUESTIONS: u32 = 500;

/// Connections for such questions that one guest may have open; fewer are served at once.
const MAX_DNS_CONNECTIONS: u32 = 32;

/// A datagram's port that nobody listens on (RFC 792, destination unreachable).
const PORT_UNREACHABLE: u32 = 3;

/// Adds the chains.
pub(super) fn add(table: &mut TableWriter) {
    let served = |protocol, address, port, rest: &[Term]| {
        let [address, port] = to_socket(protocol, SocketAddrV4::new(address, port));
        [&[from_link(guest::TAP), address, port], rest].concat()
    };
    let metadata = |rest: &[Term]| served("tcp", guest::METADATA, guest::METADATA_PORT, rest);
    let names = |protocol, rest: &[Term]| served(protocol, guest::GATEWAY, guest::DNS_PORT, rest);
    table.chain(
        "input",
        Some((Type::Filter, NfHook::Input, 0, Policy::Drop)),
        vec![
            metadata(&[is_reply(), accept()]),
            metadata(&[connections_over(MAX_METADATA_CONNECTIONS), drop()]),
            metadata(&[accept()]),
            vec![from_link(guest::TAP), to_address(guest::METADATA), reject()],
            names("udp", &[at_most(MAX_QUESTIONS), accept()]),
            names("tcp", &[is_reply(), accept()]),
            names("tcp", &[connections_over(MAX_DNS_CONNECTIONS), drop()]),
            names("tcp", &[accept()]),
        ],
    );
    let errors = texts(&["destination-unreachable", "time-exceeded", "parameter-problem"]);
    // Said while nobody serves the port for names: a guest that hears it gives up at once, one that does not asks again.
    let nobody_listens = [
        ("type", text("destination-unreachable")),
        ("code", number(PORT_UNREACHABLE)),
    ];
    let nobody_listens = nobody_listens.map(|(name, value)| field_is("icmp", name, value));
    table.chain(
        "output",
        Some((Type::Filter, NfHook::Output, 0, Policy::Drop)),
        vec![
            [&nobody_listens[..], &[drop()]].concat(),
            vec![field_is("icmp", "type", errors), accept()],
            vec![to_link(guest::TAP), is_reply(), accept()],
        ],
    );
}
