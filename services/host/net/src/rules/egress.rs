//! A sandbox's own lists: the part of a slot's rules that changes while it is in use.
//!
//! Every packet of what the guest began passes here, in both directions and not only the first: a connection that was
//! open when the lists changed is held to the new ones with its next packet, without touching the connection table. An
//! accept is never given here, so lists narrow what the rules after them let through and cannot widen it.

use std::net::SocketAddrV4;

use nftables::schema::Nftables;

use super::terms::{
    TableWriter, Term, drop, field_is, go_back, goto, ip_blocks, is_established, is_protocol, number, reject,
    reset, text, was_redirected,
};
use crate::egress::Egress;

/// Chain for what the guest sends.
pub(super) const SENT: &str = "sandbox_sent";

/// Chain for what it is answered.
pub(super) const ANSWERED: &str = "sandbox_answered";

/// Chain that says no.
const REFUSE: &str = "refuse";

/// Adds the chains with what `egress` asks for.
pub(super) fn add(table: &mut TableWriter, egress: &Egress, resolver: SocketAddrV4) {
    // What was open ends at once instead of hanging until its timeouts.
    table.chain(
        REFUSE,
        None,
        vec![
            vec![is_protocol("tcp"), is_established(), reset()],
            vec![reject()],
        ],
    );
    for way in [Way::Sent, Way::Answered] {
        table.chain(way.chain(), None, way.rules(egress, resolver));
    }
}

/// The document that puts `egress` in place of what was there, in one transaction.
pub(crate) fn change(egress: &Egress, resolver: SocketAddrV4) -> Nftables<'static> {
    let mut table = TableWriter::existing(super::slot::TABLE);
    for way in [Way::Sent, Way::Answered] {
        table.rewrite(way.chain(), way.rules(egress, resolver));
    }
    table.finish()
}

/// Which way a packet goes.
#[derive(Clone, Copy)]
enum Way {
    Sent,
    Answered,
}

impl Way {
    fn chain(self) -> &'static str {
        match self {
            Self::Sent => SENT,
            Self::Answered => ANSWERED,
        }
    }

    /// The far end's address and port in the packet.
    fn far_end(self) -> [&'static str; 2] {
        match self {
            Self::Sent => ["daddr", "dport"],
            Self::Answered => ["saddr", "sport"],
        }
    }

    fn no(self) -> Term {
        match self {
            Self::Sent => goto(REFUSE),
            Self::Answered => drop(),
        }
    }

    fn rules(self, egress: &Egress, resolver: SocketAddrV4) -> Vec<Vec<Term>> {
        let [address, port] = self.far_end();
        let mut rules = Vec::new();
        if *egress != Egress::All && egress.may_resolve() {
            // By whichever address the guest knows the resolver: it is the slot's service, not a target of its own.
            rules.extend(["udp", "tcp"].map(|protocol| {
                vec![
                    was_redirected(),
                    field_is("ip", address, text(resolver.ip())),
                    field_is(protocol, port, number(resolver.port())),
                    go_back(),
                ]
            }));
        }
        let within = |blocks, verdict| vec![field_is("ip", address, ip_blocks(blocks)), verdict];
        match egress {
            Egress::All => {}
            Egress::AllBut { deny, allow } => {
                if !allow.is_empty() {
                    rules.push(within(allow, go_back()));
                }
                rules.push(within(deny, self.no()));
            }
            Egress::Only(allow) => {
                if !allow.is_empty() {
                    rules.push(within(allow, go_back()));
                }
                rules.push(vec![self.no()]);
            }
        }
        rules
    }
}
