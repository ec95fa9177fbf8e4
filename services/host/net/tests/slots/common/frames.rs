//! Frames built by hand, for senders that lie.

use std::net::Ipv4Addr;

use roost_net::guest;

/// A UDP datagram to `target` as the guest's card would put it on the wire, with the given source addresses.
pub fn datagram(
    source_mac: [u8; 6],
    source: (Ipv4Addr, u16),
    target: (Ipv4Addr, u16),
    payload: &str,
) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(source.1.to_be_bytes());
    udp.extend(target.1.to_be_bytes());
    udp.extend(u16::try_from(8 + payload.len()).expect("short").to_be_bytes());
    // No checksum: RFC 768 allows it over IPv4.
    udp.extend([0, 0]);
    udp.extend(payload.as_bytes());

    let length = u16::try_from(20 + udp.len()).expect("short").to_be_bytes();
    let mut ip = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0];
    ip.extend(source.0.octets());
    ip.extend(target.0.octets());
    let sum = ip_checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());

    // An empty virtio_net_hdr, then Ethernet.
    let mut frame = vec![0; 10];
    frame.extend(guest::GATEWAY_MAC.0);
    frame.extend(source_mac);
    frame.extend([0x08, 0x00]);
    frame.extend(ip);
    frame.extend(udp);
    frame
}

/// The bytes before every frame on a TAP: an empty `virtio_net_hdr`.
pub const VNET: usize = 10;

/// The same frame within a VLAN, as a card that knows of VLANs would send it.
pub fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    let (head, rest) = frame.split_at(VNET + 12);
    [head, &[0x81, 0x00], &vlan.to_be_bytes(), rest].concat()
}

/// The same datagram, with the route that its sender wishes: over `hop` (RFC 791, loose source and record route).
pub fn routed(frame: &[u8], hop: Ipv4Addr) -> Vec<u8> {
    let (head, rest) = frame.split_at(VNET + 14);
    let (header, payload) = rest.split_at(20);
    let mut ip = header.to_vec();
    ip.extend([131, 7, 4]);
    ip.extend(hop.octets());
    ip.push(0);
    ip[0] = 0x47;
    let length = u16::try_from(ip.len() + payload.len())
        .expect("short")
        .to_be_bytes();
    ip[2..4].copy_from_slice(&length);
    ip[10..12].copy_from_slice(&[0, 0]);
    let sum = ip_checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    [head, &ip, payload].concat()
}

/// A neighbour solicitation's bare beginning: any IPv6 packet.
pub fn ipv6() -> Vec<u8> {
    let mut frame = vec![0; VNET];
    frame.extend(guest::GATEWAY_MAC.0);
    frame.extend(guest::MAC.0);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 255]);
    frame.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.extend([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame
}

/// What an ARP packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arp {
    Request,
    Reply,
}

/// An ARP packet to everybody: `sender` with `mac` asks for `target`, or says so to it.
pub fn arp(kind: Arp, mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0; VNET];
    frame.extend([0xff; 6]);
    frame.extend(mac);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0]);
    frame.push(if kind == Arp::Request { 1 } else { 2 });
    frame.extend(mac);
    frame.extend(sender.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

/// Who says in an ARP reply to have which address.
pub fn arp_reply(frame: &[u8]) -> Option<([u8; 6], Ipv4Addr)> {
    let packet = frame.get(VNET + 14..)?;
    let is_reply = frame[VNET + 12..VNET + 14] == [0x08, 0x06] && packet.get(7) == Some(&2);
    let mac = packet.get(8..14)?.try_into().ok()?;
    let address: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
    is_reply.then_some((mac, address.into()))
}

/// A datagram of the guest's own.
pub fn honest(port: u16, target: (Ipv4Addr, u16), payload: &str) -> Vec<u8> {
    datagram(guest::MAC.0, (guest::ADDRESS, port), target, payload)
}

fn ip_checksum(header: &[u8]) -> u16 {
    let words = header
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded")
}
