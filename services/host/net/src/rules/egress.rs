//! A sandbox's own lists: the part of a slot's rules that changes while it is in use.
//!
//! Every packet of what the guest began passes here, in both directions and not only the first: a connection that was
//! open when the lists changed is held to the new ones with its next packet, without touching the connection table. An
//! accept is never given here, so lists narrow what the rules after them let through and cannot widen it.
//!
//! Names are known by the addresses that they resolved to, which a map holds for as long as the answer lives. The map
//! marks a connection with the name under which it was begun; the mark is what lets the rest of it pass, so a connection
//! outlives the answer that led to it, but not the name's place in the lists.

use nftables::schema::Nftables;

use super::terms::{
    TableWriter, Term, drop, field_is, go_back, goto, has_mark, ip_blocks, is_established, is_protocol,
    mark_from, reject, reset,
};
use crate::egress::{Egress, Reach};
use crate::names::{Pin, mark_of};

/// Chain for what the guest sends.
pub(super) const SENT: &str = "sandbox_sent";

/// Chain for what it is answered.
pub(super) const ANSWERED: &str = "sandbox_answered";

/// Chain that says no.
const REFUSE: &str = "refuse";

/// The addresses that names have, and the marks of these names.
pub(crate) const NAMED: &str = "named";

/// Adds the chains with what `reach` asks for, and the addresses that its names have.
pub(super) fn add(table: &mut TableWriter, reach: &Reach, pins: &[Pin]) {
    // What was open ends at once instead of hanging until its timeouts.
    table.chain(
        REFUSE,
        None,
        vec![
            vec![is_protocol("tcp"), is_established(), reset()],
            vec![reject()],
        ],
    );
    table.address_marks(NAMED);
    table.mark_addresses(NAMED, pins);
    for way in [Way::Sent, Way::Answered] {
        table.chain(way.chain(), None, way.rules(reach));
    }
}

/// The document that puts `reach` in place of what was there, with the addresses that its names have, in one transaction.
pub(crate) fn change(reach: &Reach, pins: &[Pin]) -> Nftables<'static> {
    let mut table = TableWriter::existing(super::slot::TABLE);
    table.forget_addresses(NAMED);
    table.mark_addresses(NAMED, pins);
    for way in [Way::Sent, Way::Answered] {
        table.rewrite(way.chain(), way.rules(reach));
    }
    table.finish()
}

/// The document that adds addresses of names, or lets those that are there live longer.
pub(crate) fn pin(pins: &[Pin]) -> Nftables<'static> {
    let mut table = TableWriter::existing(super::slot::TABLE);
    // What is there keeps its time when it is added again. Adding first makes the delete valid if it is not.
    table.mark_addresses(NAMED, pins);
    table.unmark_addresses(NAMED, pins);
    table.mark_addresses(NAMED, pins);
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

    /// The far end's address in the packet.
    fn far_end(self) -> &'static str {
        match self {
            Self::Sent => "daddr",
            Self::Answered => "saddr",
        }
    }

    fn no(self) -> Term {
        match self {
            Self::Sent => goto(REFUSE),
            Self::Answered => drop(),
        }
    }

    fn rules(self, reach: &Reach) -> Vec<Vec<Term>> {
        let address = self.far_end();
        let mut rules = Vec::new();
        if !reach.names.is_empty() {
            let marks: Vec<_> = reach.names.iter().map(mark_of).collect();
            rules.push(vec![mark_from(address, NAMED)]);
            rules.push(vec![has_mark(&marks), go_back()]);
        }
        let within = |blocks, verdict| vec![field_is("ip", address, ip_blocks(blocks)), verdict];
        match &reach.egress {
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
