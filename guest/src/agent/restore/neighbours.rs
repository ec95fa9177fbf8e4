//! The link's other end: in another slot it may be another one.

use std::io;

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::{NeighbourMessage, NeighbourState};
use rtnetlink::sys::protocols::NETLINK_ROUTE;

use super::netlink::{Netlink, NetlinkError};

/// Has the kernel ask anew for every address it has learned; entries that somebody made by hand stay.
pub(super) fn forget() -> Result<(), NetlinkError> {
    let kernel = Netlink::open(NETLINK_ROUTE)?;
    let entries = kernel.list(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()))?;
    for entry in entries.into_iter().filter_map(learned) {
        match kernel.order::<_, RouteNetlinkMessage>(RouteNetlinkMessage::DelNeighbour(entry)) {
            // It has gone by itself.
            Err(NetlinkError::Kernel(error)) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

fn learned(entry: RouteNetlinkMessage) -> Option<NeighbourMessage> {
    let RouteNetlinkMessage::NewNeighbour(entry) = entry else {
        return None;
    };
    let by_hand = matches!(
        entry.header.state,
        NeighbourState::Noarp | NeighbourState::Permanent
    );
    (!by_hand).then_some(entry)
}
