//! The guest's network, the same in every sandbox: that is what lets a snapshot resume in any slot.

use std::net::{IpAddr, Ipv4Addr};

use futures::TryStreamExt;
use rtnetlink::{Error, Handle, LinkUnspec, RouteMessageBuilder};
use thiserror::Error;

use super::report;

/// The guest's own address.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 21);
/// The slot's end of the link: default route and resolver.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 22);

const PREFIX: u8 = 30;
const LOOPBACK: &str = "lo";
const NIC: &str = "eth0";

#[derive(Debug, Error)]
enum NetworkError {
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    #[error("no netlink socket: {0}")]
    Socket(std::io::Error),
    #[error("no interface {0}: the engine attached none")]
    Missing(&'static str),
    #[error("{0}")]
    Netlink(#[from] Error),
}

/// Brings the interfaces up; a guest without a network still serves what it can.
pub(super) fn configure() {
    report("configure the network", try_configure());
}

fn try_configure() -> Result<(), NetworkError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(NetworkError::Runtime)?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetworkError::Socket)?;
        tokio::spawn(connection);
        up(&handle, LOOPBACK).await?;
        let nic = up(&handle, NIC).await?;
        handle
            .address()
            .add(nic, IpAddr::V4(ADDRESS), PREFIX)
            .execute()
            .await?;
        let default_route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(GATEWAY).build();
        handle.route().add(default_route).execute().await?;
        Ok(())
    })
}

async fn up(handle: &Handle, name: &'static str) -> Result<u32, NetworkError> {
    let mut links = handle.link().get().match_name(name.to_owned()).execute();
    let link = links
        .try_next()
        .await
        .ok()
        .flatten()
        .ok_or(NetworkError::Missing(name))?;
    let index = link.header.index;
    handle
        .link()
        .set(LinkUnspec::new_with_index(index).up().build())
        .execute()
        .await?;
    Ok(index)
}
