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
use rtnetlink::packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use rtnetlink::sys::protocols::NETLINK_SOCK_DIAG;
use rtnetlink::sys::{Socket, SocketAddr as Port};
use thiserror::Error;

use crate::init::ADDRESS;

/// Connections are open.
#[derive(Debug, Error)]
pub(super) enum ConnectionsError {
    #[error("cannot ask the kernel: {0}")]
    Socket(#[from] io::Error),
    #[error("cannot understand the kernel: {0}")]
    Answer(#[from] DecodeError),
    #[error("{0} connections stay, the last for: {1}")]
    Left(usize, io::Error),
}

/// Destroys every TCP connection between this guest and the outside but the one from `host` to the agent.
pub(super) fn close_all_but(host: SocketAddr) -> Result<(), ConnectionsError> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&Port::new(0, 0))?;
    let mut left = 0;
    let mut last = None;
    for family in [AF_INET, AF_INET6] {
        for id in connections(&socket, family)? {
            if !leads_outside(&id) || is_host(&id, host) {
                continue;
            }
            match destroy(&socket, family, id) {
                Ok(()) => {}
                // It has ended, or is about to: the kernel keeps no more than a reminder of it.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {}
                Err(error) => {
                    left += 1;
                    last = Some(error);
                }
            }
        }
    }
    last.map_or(Ok(()), |error| Err(ConnectionsError::Left(left, error)))
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
fn connections(socket: &Socket, family: u8) -> Result<Vec<SocketId>, ConnectionsError> {
    let without = StateFlags::LISTEN | StateFlags::TIME_WAIT | StateFlags::CLOSE;
    let any = if family == AF_INET {
        SocketId::new_v4()
    } else {
        SocketId::new_v6()
    };
    let asked = request(family, StateFlags::all() - without, any);
    send(socket, asked, NLM_F_REQUEST | NLM_F_DUMP)?;
    let mut found = Vec::new();
    loop {
        for answer in receive(socket)? {
            match answer {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.push(response.header.socket_id);
                }
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => return Err(error.to_io().into()),
                _ => {}
            }
        }
    }
}

fn destroy(socket: &Socket, family: u8, id: SocketId) -> io::Result<()> {
    let order = SockDiagDestroy::new(request(family, StateFlags::all(), id));
    send(socket, order, NLM_F_REQUEST | NLM_F_ACK)?;
    let answers = receive(socket).map_err(io::Error::other)?;
    for answer in answers {
        if let NetlinkPayload::Error(error) = answer
            && error.code.is_some()
        {
            return Err(error.to_io());
        }
    }
    Ok(())
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

fn send<M>(socket: &Socket, message: M, flags: u16) -> io::Result<()>
where
    M: NetlinkSerializable + Into<NetlinkPayload<M>>,
{
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, message.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).map(drop)
}

/// The messages of one datagram.
fn receive(socket: &Socket) -> Result<Vec<NetlinkPayload<SockDiagMessage>>, ConnectionsError> {
    let (datagram, _) = socket.recv_from_full()?;
    parse(&datagram)
}

fn parse(mut datagram: &[u8]) -> Result<Vec<NetlinkPayload<SockDiagMessage>>, ConnectionsError> {
    /// Messages begin at multiples of this (`NLMSG_ALIGNTO`).
    const ALIGNMENT: usize = 4;
    let mut messages = Vec::new();
    while !datagram.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(datagram)?;
        // A message that is parsed has a header, so this makes headway.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        datagram = datagram
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        messages.push(message.payload);
    }
    Ok(messages)
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
    fn this_machines_kernel_lists_and_destroys() {
        let socket = Socket::new(NETLINK_SOCK_DIAG).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = stream.local_addr().unwrap().port();
        let found = match connections(&socket, AF_INET) {
            Ok(found) => found,
            // A kernel without the module: the guest's has it, and the test that boots it holds the rest.
            Err(ConnectionsError::Socket(error)) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => panic!("{error}"),
        };
        assert!(found.iter().any(|id| id.source_port == port), "{found:?}");
    }

    #[test]
    fn nonsense_is_no_answer() {
        assert!(parse(&[0; 16]).is_err() && parse(&[255; 3]).is_err());
        assert!(parse(&[]).unwrap().is_empty());
    }
}
