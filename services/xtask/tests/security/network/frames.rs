//! Spoofing: raw frames of the guest's root, under other addresses, and by ARP.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::outside::Outside;
use super::{Guest, SITE};

/// Sends datagrams under names that are not its own, asks by ARP who has what, and claims what others have.
const PROBE: &str = r"
import json, socket, struct, sys, time
given = json.loads(sys.argv[1])
target, port = given['target']
mac = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', ''))
gateway = bytes.fromhex('02fc00000006')
own, router = '169.254.0.21', '169.254.0.22'
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(('eth0', 0))
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def datagram(source_mac, source, text):
    udp = struct.pack('!4H', 4000, port, 8 + len(text), 0) + text
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    head = head[:10] + struct.pack('!H', checksum(head + ends)) + ends
    return gateway + source_mac + b'\x08\x00' + head + udp
def arp(kind, sender_mac, sender, asked):
    return (b'\xff' * 6 + sender_mac + struct.pack('!HHHBBH', 0x0806, 1, 0x0800, 6, 4, kind)
        + sender_mac + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(asked))
other = bytes.fromhex('020000000009')
for source in given['others']:
    wire.send(datagram(mac, source, b'under ' + source.encode()))
wire.send(datagram(other, own, b'from another card'))
wire.send(datagram(gateway, own, b'from the gateway'))
for address in given['others']:
    wire.send(arp(1, mac, own, address))
    wire.send(arp(2, mac, address, router))
wire.send(arp(2, other, own, router))
wire.send(arp(1, mac, own, router))
replies, until = set(), time.monotonic() + 3
while time.monotonic() < until:
    wire.settimeout(max(0.1, until - time.monotonic()))
    try:
        frame = wire.recv(2048)
    except OSError:
        continue
    if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\x00\x02' and frame[6:12] != mac:
        replies.add(socket.inet_ntoa(frame[28:32]))
wire.send(datagram(mac, own, b'honest'))
print(json.dumps(sorted(replies)))
";

pub(super) async fn are_dropped_unless_honest(guest: &Guest, outside: &Outside) -> Result<()> {
    let slot = guest.slot;
    let input = json!({
        "target": [SITE.outside, outside.port()],
        "others": [
            slot.host_end, slot.own_end, slot.host_address, SITE.machine, SITE.outside, "10.0.0.1", "169.254.0.20",
            "169.254.169.254", "127.0.0.1",
        ],
    });
    let replies = guest.python(PROBE, &input).await?;
    ensure!(
        replies == json!(["169.254.0.22"]),
        "ARP tells a guest of {replies} and should of its gateway alone"
    );
    // Frames keep their order: once the honest one is there, no other will come.
    for _ in 0..100 {
        if !outside.heard().is_empty() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let heard: Vec<_> = outside.heard().into_iter().map(|(_, text)| text).collect();
    ensure!(heard == ["honest"], "{heard:?}");
    // The slot still knows the guest: the host reaches its agent.
    guest.python("print(1)", &json!(null)).await?;
    Ok(())
}
