//! Egress and SSRF: this machine, private networks, other sandboxes, and the same by other names.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use serde_json::json;
use xtask::stack::Stack;

use super::outside::Outside;
use super::{Guest, SITE, nats_port};

/// Which of the targets take a connection.
const PROBE: &str = r"
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def takes(target):
    try:
        socket.create_connection(tuple(target), 3).close()
        return True
    except OSError:
        return False
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(8) as pool:
    print(json.dumps([target for target, taken in zip(targets, pool.map(takes, targets)) if taken]))
";

/// What a page says.
const FETCH: &str = r"
import json, sys, urllib.request
print(json.dumps(urllib.request.urlopen(json.loads(sys.argv[1]), timeout=10).read().decode()))
";

pub(super) async fn whatever_its_policy_says(
    stack: &Stack,
    guest: &Guest,
    neighbour: &Guest,
    outside: &Outside,
) -> Result<()> {
    // Each of these would take a connection: on every address of this machine, and where nats-server listens on loopback.
    let everywhere = TcpListener::bind("0.0.0.0:0")?;
    let as_nats = TcpListener::bind((SITE.machine, nats_port(stack)?))?;
    let [open, nats] = [everywhere.local_addr()?.port(), as_nats.local_addr()?.port()];
    let (own, other) = (guest.slot, neighbour.slot);
    let reachable = json!([SITE.outside, outside.port()]);
    let targets = json!([
        reachable,
        [SITE.machine, open],
        [SITE.machine, nats],
        [SITE.machine, stack.gateway().port()],
        [own.host_end, open],
        [own.own_end, open],
        [own.host_address, open],
        ["169.254.0.22", open],
        ["169.254.0.22", nats],
        [other.host_end, open],
        [other.own_end, 49983],
        [other.host_address, 49983],
        ["169.254.169.254", open],
        ["169.254.169.254", 8080],
        ["10.0.0.1", 80],
        ["172.16.0.1", 80],
        ["192.168.0.1", 80],
        ["100.64.0.1", 80],
        ["0.0.0.0", nats],
        ["255.255.255.255", open],
        [format!("::ffff:{}", SITE.machine), open],
        [format!("64:ff9b::{}", SITE.machine), open],
        ["fe80::1%eth0", open],
        ["fd00:ec2::254", 80],
        ["2001:db8::1", open],
    ]);
    let seen = guest.python(FETCH, &json!(outside.url())).await?;
    ensure!(
        seen == format!("you are {}", SITE.machine),
        "the outside sees {seen}"
    );
    let taken = guest.python(PROBE, &targets).await?;
    ensure!(
        taken == json!([reachable]),
        "a guest connected to {taken} and should to {reachable} alone"
    );
    for listener in [everywhere, as_nats] {
        listener.set_nonblocking(true)?;
        ensure!(listener.accept().is_err(), "a guest connected to this machine");
    }
    Ok(())
}
