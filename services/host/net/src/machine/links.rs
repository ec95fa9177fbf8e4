//! Links, addresses, routes and neighbours by route netlink.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::RawFd;

use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use crate::error::OsError;
use crate::guest::Mac;

/// A netlink socket, bound for good to the namespace of the thread that opened it.
pub(crate) struct Links {
    handle: Handle,
}

/// A link of this namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) group: u32,
}

/// What became of an attempt to take a link name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    ByUs,
    ByAnother,
}

impl Links {
    /// Opens a socket in the calling thread's namespace. Call within the runtime that will use it.
    pub(crate) fn open() -> Result<Self, OsError> {
        let opened = rtnetlink::new_connection();
        let (connection, handle, _) =
            opened.map_err(OsError::file("cannot open a socket for", "route netlink"))?;
        // Ends by itself once the handle is dropped.
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// All links.
    pub(crate) async fn list(&self) -> Result<Vec<Link>, OsError> {
        let links: Vec<_> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(netlink("cannot list", "links"))?;
        Ok(links.iter().map(describe).collect())
    }

    /// All IPv4 addresses, each with the index of its link.
    pub(crate) async fn addresses(&self) -> Result<Vec<(u32, Ipv4Addr)>, OsError> {
        let request = self.handle.address().get().execute();
        let messages: Vec<_> = request
            .try_collect()
            .await
            .map_err(netlink("cannot list", "addresses"))?;
        let own = |attribute: &AddressAttribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
            _ => None,
        };
        Ok(messages
            .iter()
            .filter_map(|m| Some((m.header.index, m.attributes.iter().find_map(own)?)))
            .collect())
    }

    /// Index of the link `name`.
    pub(crate) async fn index(&self, name: &str) -> Result<u32, OsError> {
        self.find(name)
            .await?
            .ok_or_else(|| OsError::NoLink(name.to_owned()))
    }

    async fn find(&self, name: &str) -> Result<Option<u32>, OsError> {
        match self
            .handle
            .link()
            .get()
            .match_name(name)
            .execute()
            .try_next()
            .await
        {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if errno(&error) == Some(nix::libc::ENODEV) => Ok(None),
            Err(error) => Err(netlink("cannot find", name)(error)),
        }
    }

    /// Creates a veth pair: `name` here in `group`, `peer` in the namespace `namespace` refers to, both down.
    pub(crate) async fn add_veth(
        &self,
        name: &str,
        group: u32,
        peer: &str,
        namespace: RawFd,
    ) -> Result<Taken, OsError> {
        let peer = LinkUnspec::new_with_name(peer).setns_by_fd(namespace).build();
        let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(name)
            .link_group(group)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        match self.handle.link().add(pair).execute().await {
            Ok(()) => Ok(Taken::ByUs),
            Err(error) if errno(&error) == Some(nix::libc::EEXIST) => Ok(Taken::ByAnother),
            Err(error) => Err(netlink("cannot create the veth pair of", name)(error)),
        }
    }

    /// Takes a link up.
    pub(crate) async fn up(&self, index: u32) -> Result<(), OsError> {
        self.change(
            LinkUnspec::new_with_index(index).up().build(),
            "cannot take up",
            index,
        )
        .await
    }

    /// Sets a link's own hardware address.
    pub(crate) async fn set_mac(&self, index: u32, mac: Mac) -> Result<(), OsError> {
        let message = LinkUnspec::new_with_index(index).address(mac.0.to_vec()).build();
        self.change(message, "cannot set the hardware address of", index)
            .await
    }

    /// Sets the text shown beside a link.
    pub(crate) async fn set_alias(&self, index: u32, alias: &str) -> Result<(), OsError> {
        self.change(
            LinkUnspec::new_with_index(index).alias(alias).build(),
            "cannot set the alias of",
            index,
        )
        .await
    }

    async fn change(&self, message: LinkMessage, action: &'static str, index: u32) -> Result<(), OsError> {
        self.handle
            .link()
            .change(message)
            .execute()
            .await
            .map_err(netlink(action, format!("#{index}")))
    }

    /// Gives a link an address.
    pub(crate) async fn add_address(
        &self,
        index: u32,
        address: Ipv4Addr,
        prefix_len: u8,
    ) -> Result<(), OsError> {
        let request = self.handle.address().add(index, address.into(), prefix_len);
        request
            .execute()
            .await
            .map_err(netlink("cannot give an address to", format!("#{index}")))
    }

    /// Routes `destination` (`None`: everything) to `gateway` over a link.
    pub(crate) async fn add_route(
        &self,
        index: u32,
        destination: Option<Ipv4Addr>,
        gateway: Ipv4Addr,
    ) -> Result<(), OsError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(index)
            .gateway(gateway);
        let route = match destination {
            Some(address) => route.destination_prefix(address, 32),
            None => route,
        };
        let request = self.handle.route().add(route.build());
        request
            .execute()
            .await
            .map_err(netlink("cannot add a route over", format!("#{index}")))
    }

    /// Pins the hardware address of a neighbour.
    pub(crate) async fn add_neighbour(&self, index: u32, address: Ipv4Addr, mac: Mac) -> Result<(), OsError> {
        let request = self
            .handle
            .neighbours()
            .add(index, address.into())
            .link_layer_address(&mac.0);
        request
            .execute()
            .await
            .map_err(netlink("cannot pin the neighbour of", format!("#{index}")))
    }

    /// Deletes the link `name`, and with it its peer; does nothing if there is none.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), OsError> {
        let Some(index) = self.find(name).await? else {
            return Ok(());
        };
        match self.handle.link().del(index).execute().await {
            Err(error) if errno(&error) != Some(nix::libc::ENODEV) => {
                Err(netlink("cannot delete", name)(error))
            }
            _ => Ok(()),
        }
    }
}

fn describe(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        group: 0,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Group(group) => link.group = *group,
            _ => {}
        }
    }
    link
}

/// The kernel's error number, positive as in `errno.h`.
fn errno(error: &rtnetlink::Error) -> Option<i32> {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.code.map(|code| -code.get()),
        _ => None,
    }
}

fn netlink(action: &'static str, link: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> OsError {
    let link = link.into();
    move |source| OsError::Netlink { action, link, source }
}
