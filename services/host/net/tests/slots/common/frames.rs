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
