//! What a slot's namespace itself takes in and says.
//!
//! It serves nobody but its guest, with metadata, and begins nothing: it says the errors of packets it forwards and
//! answers what was let in. An engine that was broken out of holds a namespace without a network.

use std::net::SocketAddrV4;

use nftables::types::{NfChainPolicy as Policy, NfChainType as Type, NfHook};

use super::terms::{
    TableWriter, Term, accept, connections_over, drop, field_is, from_link, is_reply, reject, texts,
    to_address, to_link, to_socket,
};
use crate::guest;

/// Requests for metadata one guest may have open; the service itself takes fewer.
const MAX_METADATA_CONNECTIONS: u32 = 64;

/// Adds the chains.
pub(super) fn add(table: &mut TableWriter) {
    let metadata = |rest: &[Term]| {
        let socket = SocketAddrV4::new(guest::METADATA, guest::METADATA_PORT);
        let [address, port] = to_socket("tcp", socket);
        [&[from_link(guest::TAP), address, port], rest].concat()
    };
    table.chain(
        "input",
        Some((Type::Filter, NfHook::Input, 0, Policy::Drop)),
        vec![
            metadata(&[is_reply(), accept()]),
            metadata(&[connections_over(MAX_METADATA_CONNECTIONS), drop()]),
            metadata(&[accept()]),
            vec![from_link(guest::TAP), to_address(guest::METADATA), reject()],
        ],
    );
    let errors = texts(&["destination-unreachable", "time-exceeded", "parameter-problem"]);
    table.chain(
        "output",
        Some((Type::Filter, NfHook::Output, 0, Policy::Drop)),
        vec![
            vec![field_is("icmp", "type", errors), accept()],
            vec![to_link(guest::TAP), is_reply(), accept()],
        ],
    );
}
