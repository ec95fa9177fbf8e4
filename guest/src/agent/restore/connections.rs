//! Connections of before: they were another machine's, whose peers have gone on without this one.
//!
//! The kernel destroys them (`SOCK_DESTROY`, see `sock_diag(7)`), which their programs see as an error at once, instead of
//! never. That takes the module `tcp_diag`, which the initramfs carries. Connections inside the guest stay.

use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_packet_sock_diag::{SockDiagDestroy, SockDiagMessage};
use roost_schemas::envd;
use rtnetlink::sys::protocols::NETLINK_SOCK_DIAG;
use thiserror::Error;

use super::netlink::{Netlink, NetlinkError};
use crate::init::ADDRESS;

/// Connections are open.
#[derive(Debug, Error)]
pub(super) enum ConnectionsError {
    #[error(transparent)]
    Unknown(#[from] NetlinkError),
    #[error("{0} of them stay, the last for: {1}")]
    Left(usize, NetlinkError),
}

/// Destroys every TCP connection between this guest and the outside but the one from `host` to the agent.
pub(super) fn close_all_but(host: SocketAddr) -> Result<(), ConnectionsError> {
    let kernel = Netlink::open(NETLINK_SOCK_DIAG).map_err(NetlinkError::Kernel)?;
    let mut left = 0;
    let mut last = None;
    for family in [AF_INET, AF_INET6] {
        for id in connections(&kernel, family)? {
            if !leads_outside(&id) || is_host(&id, host) {
                continue;
            }
            let order = SockDiagDestroy::new(request(family, StateFlags::all(), id));
            match kernel.order::<_, SockDiagMessage>(order) {
                Err(error) if !has_ended(&error) => {
                    left += 1;
                    last = Some(error);
                }
                _ => {}
            }
        }
    }
    last.map_or(Ok(()), |error| Err(ConnectionsError::Left(left, error)))
}

/// Whether it was gone already, or the kernel keeps no more than a reminder of it.
fn has_ended(error: &NetlinkError) -> bool {
    matches!(
        error,
        NetlinkError::Kernel(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported)
    )
}

/// Whether it uses the link: the guest's one address there talks to another one.
fn leads_outside(id: &SocketId) -> bool {
    let own = IpAddr::V4(ADDRESS);
    id.source_address.to_canonical() == own && id.destination_address.to_canonical() != own
}

fn is_host(id: &SocketId, host: SocketAddr) -> bool {
    let peer = (id.destination_address.to_canonical(), id.destination_port);
    id.source_port == envd::PORT && peer == (host.ip(), host.port())
}

/// The connections of an address family, in whatever state but those that only wait to be forgotten.
fn connections(kernel: &Netlink, family: u8) -> Result<Vec<SocketId>, NetlinkError> {
    let without = StateFlags::LISTEN | StateFlags::TIME_WAIT | StateFlags::CLOSE;
    let any = if family == AF_INET {
        SocketId::new_v4()
    } else {
        SocketId::new_v6()
    };
    let found = kernel.list(request(family, StateFlags::all() - without, any))?;
    let ids = found.into_iter().filter_map(|message| match message {
        SockDiagMessage::InetResponse(response) => Some(response.header.socket_id),
        _ => None,
    });
    Ok(ids.collect())
}

fn request(family: u8, states: StateFlags, socket_id: SocketId) -> SockDiagMessage {
    SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states,
        socket_id,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn id(source: &str, destination: &str) -> SocketId {
        let [source, destination]: [SocketAddr; 2] = [source, destination].map(|text| text.parse().unwrap());
        SocketId {
            source_address: source.ip(),
            source_port: source.port(),
            destination_address: destination.ip(),
            destination_port: destination.port(),
            ..SocketId::new_v4()
        }
    }

    #[test]
    fn only_what_uses_the_link_leads_outside() {
        for outside in [
            id("169.254.0.21:49983", "169.254.0.22:4000"),
            id("169.254.0.21:5000", "1.2.3.4:443"),
            id("[::ffff:169.254.0.21]:80", "[::ffff:1.2.3.4]:5000"),
        ] {
            assert!(leads_outside(&outside), "{outside:?}");
        }
        for inside in [
            id("127.0.0.1:5000", "127.0.0.1:80"),
            id("169.254.0.21:5000", "169.254.0.21:80"),
            id("[::1]:5000", "[::1]:80"),
            id("172.17.0.1:5000", "172.17.0.2:80"),
        ] {
            assert!(!leads_outside(&inside), "{inside:?}");
        }
    }

    #[test]
    fn the_hosts_own_connection_is_known() {
        let host = "169.254.0.22:4000".parse().unwrap();
        assert!(is_host(&id("169.254.0.21:49983", "169.254.0.22:4000"), host));
        assert!(!is_host(&id("169.254.0.21:49983", "169.254.0.22:4001"), host));
        assert!(!is_host(&id("169.254.0.21:80", "169.254.0.22:4000"), host));
    }

    #[test]
    fn this_machines_kernel_lists_them() {
        let kernel = Netlink::open(NETLINK_SOCK_DIAG).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = stream.local_addr().unwrap().port();
        let found = match connections(&kernel, AF_INET) {
            // A kernel without the module. The guest's has it, as the test that boots it shows.
            Err(NetlinkError::Kernel(error)) if error.kind() == io::ErrorKind::NotFound => return,
            found => found.unwrap(),
        };
        assert!(found.iter().any(|id| id.source_port == port), "{found:?}");
    }
}
