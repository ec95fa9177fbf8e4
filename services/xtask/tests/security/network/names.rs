//! Names: one that rebinds has no private address, and one that is not allowed is asked of nobody.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::outside::Outside;
use super::resolver::Resolver;
use super::{Guest, SITE};

/// The addresses of each name, as often as it is asked for.
const RESOLVE: &str = r"
import json, socket, sys
def addresses(name):
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
    except socket.gaierror:
        return []
print(json.dumps([addresses(name) for name in json.loads(sys.argv[1])]))
";

/// Waits until a closed network is carried out; then whether an address is reached before its name was asked for, after,
/// and after that of another name.
const PINNED: &str = r"
import json, socket, sys, time
address, port, name, other = json.loads(sys.argv[1])
def reaches(host):
    try:
        socket.create_connection((host, port), 3).close()
        return True
    except OSError:
        return False
until = time.monotonic() + 20
while reaches(address) and time.monotonic() < until:
    time.sleep(0.1)
print(json.dumps([reaches(address), reaches(other), reaches(name), reaches(address)]))
";

pub(super) async fn lead_nowhere_private(
    guest: &Guest,
    outside: &Outside,
    resolver: &Resolver,
) -> Result<()> {
    let public = vec![SITE.outside];
    let private: Vec<Ipv4Addr> = [
        [10, 0, 0, 1],
        [127, 0, 0, 1],
        [169, 254, 169, 254],
        [172, 16, 0, 1],
        [192, 168, 0, 1],
        [100, 64, 0, 1],
        [0, 0, 0, 0],
        guest.slot.host_end.octets(),
        guest.slot.host_address.octets(),
    ]
    .map(Ipv4Addr::from)
    .into();
    resolver.tell("outside.example.com", vec![public.clone()]);
    resolver.tell("private.example.com", vec![private.clone()]);
    resolver.tell(
        "mixed.example.com",
        vec![[private.clone(), public.clone()].concat()],
    );
    // A different answer to each question, as who rebinds gives.
    let turns = private.iter().map(|address| vec![*address]);
    resolver.tell(
        "rebinds.example.com",
        turns.flat_map(|turn| [public.clone(), turn]).collect(),
    );

    let rebinds = vec!["rebinds.example.com"; 2 * private.len()];
    let names = [
        &["outside.example.com", "private.example.com", "mixed.example.com"],
        &rebinds[..],
    ]
    .concat();
    let told: Vec<Vec<Ipv4Addr>> = serde_json::from_value(guest.python(RESOLVE, &json!(names)).await?)?;
    ensure!(
        told[..3] == [public.clone(), Vec::new(), public.clone()],
        "{told:?}"
    );
    for turn in &told[3..] {
        ensure!(turn.is_empty() || *turn == public, "{told:?}");
    }

    let path = format!("/v1/sandboxes/{}/network", guest.id);
    let closed = json!({"internet": false, "allow": ["*.example.com"]});
    let answer = guest.api.send(Method::PUT, &path, &closed).await?;
    answer.expect(StatusCode::OK)?;
    let input = json!([
        SITE.outside,
        outside.port(),
        "outside.example.com",
        "secret.example.net"
    ]);
    let reached = guest.python(PINNED, &input).await?;
    ensure!(
        reached == json!([false, false, true, true]),
        "before, another name, by name, after: {reached}"
    );
    let asked = resolver.heard();
    ensure!(
        !asked.iter().any(|name| name.ends_with("example.net")),
        "a name that is not allowed left this machine: {asked:?}"
    );
    ensure!(guest.python(RESOLVE, &json!(["private.example.com"])).await? == json!([Value::Array(vec![])]));
    Ok(())
}
