//! Making and destroying one slot. Both block and are run on threads of their own.
//!
//! ```text
//!  number ─► Namespace ─► Settings ─► Rules ─► Veth ─► Tap ─► SlotEnd ─► Names ─► HostEnd ─► Record ─► whole
//!                                                │
//!              any failure, or a taken number ───┴──► destroy ─► the number is free again
//! ```
//!
//! Destroying goes by the namespace: deleting the namespace's end of the veth pair deletes the host's end, so a slot can
//! only ever take its own link down, whatever the link table says about names.

use std::fs::File;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
use std::time::Instant;

use roost_dns::Sockets;

use crate::addresses::Addresses;
use crate::egress::Reach;
use crate::error::{Error, OsError};
use crate::guest;
use crate::host::Host;
use crate::machine::links::{Links, Taken};
use crate::machine::{netns, nft, settings, tap, thread};
use crate::names::{self, Pins};
use crate::rules;
use crate::rules::slot::UPLINK;
use crate::slot::Slot;
use crate::steps::Step;
use crate::store::{Record, fingerprint};
use crate::tag::Tag;

/// What making a slot came to.
#[derive(Debug)]
pub(crate) enum Made {
    /// A whole slot, and its port for names.
    Slot(Slot, Sockets),
    /// Another host on this machine has this number; nothing of the attempt is left.
    NumberTaken,
}

/// Makes the slot of `addresses`. On failure nothing of it is left. Must have the calling thread to itself.
pub(crate) fn make(host: &Host, addresses: &Addresses) -> Result<Made, Error> {
    let number = addresses.number;
    let mut step = Step::Namespace;
    let made = build(host, addresses, &mut step);
    if !matches!(made, Ok(Made::Slot(..))) {
        // In the middle of a failure: the first error is the one to report, and what could not be undone is debris
        // that the next open destroys.
        if let Err(error) = destroy(host, number) {
            tracing::error!(number, %error, "cannot undo a failed slot");
        }
    }
    made.map_err(|source| Error::Make { number, step, source })
}

fn build(host: &Host, addresses: &Addresses, step: &mut Step) -> Result<Made, OsError> {
    let runtime = thread::local_runtime()?;
    let file = host.store.namespace(addresses.number);
    let mut enter = |next: Step| {
        *step = next;
        let hook = host.config.step_hook.as_ref();
        hook.map_or(Ok(()), |hook| hook(addresses.number, next).map_err(OsError::Hook))
    };

    enter(Step::Namespace)?;
    // Opened before the thread changes sides: a netlink socket stays in the namespace it was opened in.
    let outside = runtime.block_on(async { Links::open() })?;
    let host_namespace = netns::current()?;
    netns::create(&file)?;
    let inside = runtime.block_on(async { Links::open() })?;

    enter(Step::Settings)?;
    settings::prepare_namespace()?;

    enter(Step::Rules)?;
    nft::apply(
        &host.config.nft,
        &rules::slot::ruleset(&host.plan, addresses, &Reach::default(), &[]),
    )?;

    enter(Step::Veth)?;
    let namespace = File::open(&file).map_err(OsError::file("cannot open", &file))?;
    let (link, group) = (addresses.link(), host.config.tag.link_group());
    let taken = runtime.block_on(outside.add_veth(&link, group, UPLINK, namespace.as_raw_fd()))?;
    if taken == Taken::ByAnother {
        return Ok(Made::NumberTaken);
    }

    enter(Step::Tap)?;
    let device = tap::attach(guest::TAP)?;
    tap::persist(&device, guest::TAP)?;
    if let Some(first) = host.config.tap_owners {
        tap::give(&device, guest::TAP, first.saturating_add(addresses.number))?;
    }
    // An engine can only attach to a TAP that nobody holds.
    drop(device);

    enter(Step::SlotEnd)?;
    runtime.block_on(address_slot_end(&inside, addresses))?;

    enter(Step::Names)?;
    let sockets = bind_names()?;

    enter(Step::HostEnd)?;
    netns::return_to(&host_namespace)?;
    settings::disable_ipv6(&link)?;
    runtime.block_on(address_host_end(&outside, addresses, &host.config.tag))?;

    enter(Step::Record)?;
    let record = Record {
        fingerprint: fingerprint(&host.config, addresses),
        host_address: addresses.host_address,
        owner: None,
        reach: Reach::default(),
    };
    host.store.save(addresses.number, &record)?;
    let slot = Slot::new(addresses.number, file, addresses.host_address);
    Ok(Made::Slot(slot, sockets))
}

/// What a slot that an earlier process served goes on with: its port for names, and the addresses that these have. If its
/// rules are `stale`, they are loaded anew, in one transaction. Must have the calling thread to itself.
pub(crate) fn take_over(
    host: &Host,
    addresses: &Addresses,
    reach: &Reach,
    stale: bool,
) -> Result<(Sockets, Pins), OsError> {
    netns::enter(&host.store.namespace(addresses.number))?;
    let found = if reach.names.is_empty() {
        Vec::new()
    } else {
        names::found(&host.config.nft)
    };
    let pins = Pins::found(&found, Instant::now());
    if stale {
        let rules = rules::slot::ruleset(&host.plan, addresses, reach, &found);
        nft::apply(&host.config.nft, &rules)?;
    }
    Ok((bind_names()?, pins))
}

fn bind_names() -> Result<Sockets, OsError> {
    let address = SocketAddrV4::new(guest::GATEWAY, guest::DNS_PORT);
    Sockets::bind(address).map_err(|source| OsError::Bind { address, source })
}

async fn address_slot_end(inside: &Links, addresses: &Addresses) -> Result<(), OsError> {
    let uplink = inside.index(UPLINK).await?;
    inside.add_address(uplink, addresses.slot_end, 31).await?;
    inside.up(uplink).await?;
    inside.add_route(uplink, None, addresses.host_end).await?;
    let tap = inside.index(guest::TAP).await?;
    inside.set_mac(tap, guest::GATEWAY_MAC).await?;
    inside.add_address(tap, guest::GATEWAY, guest::PREFIX_LEN).await?;
    // It never leaves the slot: the packet filter lets the guest's requests in, and nobody else's.
    inside.add_address(tap, guest::METADATA, 32).await?;
    inside.up(tap).await?;
    // A guest resumed from a snapshot is reachable at once, and cannot answer for another address.
    inside.add_neighbour(tap, guest::ADDRESS, guest::MAC).await
}

async fn address_host_end(outside: &Links, addresses: &Addresses, tag: &Tag) -> Result<(), OsError> {
    let index = outside.index(&addresses.link()).await?;
    outside.set_alias(index, &tag.link_alias()).await?;
    outside.add_address(index, addresses.host_end, 31).await?;
    outside.up(index).await?;
    outside
        .add_route(index, Some(addresses.host_address), addresses.slot_end)
        .await
}

/// Destroys all there is of slot `number`; does nothing if there is nothing. Must have the calling thread to itself.
///
/// An engine still running inside keeps its namespace until it ends, but is cut off from here on.
pub(crate) fn destroy(host: &Host, number: u32) -> Result<(), OsError> {
    host.store.forget(number)?;
    let file = host.store.namespace(number);
    if netns::is_alive(&file) {
        netns::enter(&file)?;
        let runtime = thread::local_runtime()?;
        runtime.block_on(async {
            let inside = Links::open()?;
            inside.delete(UPLINK).await?;
            inside.delete(guest::TAP).await
        })?;
    }
    netns::remove(&file)
}
