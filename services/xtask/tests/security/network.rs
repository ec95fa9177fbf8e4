//! The network: whatever a hostile guest sends, and whatever its policy says, it reaches the internet and nothing else.
//!
//! One stack and one guest for all of it: egress and SSRF, names that rebind, metadata, spoofed frames, and a server in the
//! guest that lies to who comes in.

mod egress;
mod frames;
mod lies;
mod metadata;
mod names;
#[path = "../e2e/network/outside.rs"]
mod outside;
mod resolver;

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use roost_client::Api;
use serde_json::{Value, json};
use xtask::stack::Stack;

use crate::harness::{parts, with_parts};
use outside::{Outside, Site};
use resolver::Resolver;

/// RFC 7526: given up, so nobody's.
const SITE: Site = Site {
    outside: Ipv4Addr::new(192, 88, 99, 10),
    machine: Ipv4Addr::new(192, 88, 99, 1),
    ends: ["rst-sec-here", "rst-sec-there"],
};

/// All of the internet, whatever is denied beside it: the most that a policy can ask for.
fn everything() -> Value {
    json!({"allow": ["0.0.0.0/0", "::/0"], "deny": []})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_guest_reaches_the_internet_and_nothing_else() -> Result<()> {
    let resolver = Resolver::start().await?;
    let mut parts = parts().await?;
    parts
        .host_env
        .push(("ROOST_DNS".into(), resolver.address().to_string()));
    with_parts(parts, async |stack| {
        let outside = Outside::make(SITE).await?;
        let api = stack.api();
        let hostile = Guest::create(&api, &json!({"template": "base", "network": everything()})).await?;
        let neighbour = Guest::create(&api, &json!({"template": "minimal"})).await?;
        egress::whatever_its_policy_says(stack, &hostile, &neighbour, &outside).await?;
        metadata::is_its_own_and_of_version_two(&hostile).await?;
        frames::are_dropped_unless_honest(&hostile, &outside).await?;
        lies::of_a_server_in_the_guest_are_not_believed(stack, &hostile).await?;
        names::lead_nowhere_private(&hostile, &outside, &resolver).await?;
        for guest in [hostile, neighbour] {
            api.kill(&guest.id).await?;
        }
        outside.remove().await
    })
    .await
}

/// A sandbox, and its slot.
struct Guest {
    api: Api,
    id: String,
    slot: Slot,
}

/// The addresses of a slot.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The host's end of the link to it.
    host_end: Ipv4Addr,
    /// Its own end.
    own_end: Ipv4Addr,
    /// Where the host reaches its guest.
    host_address: Ipv4Addr,
}

impl Guest {
    async fn create(api: &Api, spec: &Value) -> Result<Self> {
        let id = api.create(spec).await?.id;
        let slot = Slot::of(&id)?;
        let api = api.clone();
        Ok(Self { api, id, slot })
    }

    /// What a Python program in the guest prints as JSON, run as root; it finds `input` in its first argument.
    async fn python(&self, program: &str, input: &Value) -> Result<Value> {
        let request = json!({
            "cmd": "python3", "args": ["-c", program, input.to_string()], "user": "root", "timeout_sec": 240,
        });
        let output = self.api.exec(&self.id, &request).await?;
        ensure!(output.exit_code == 0, "{output:?}");
        serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))
    }

    /// Starts a Python program that goes on.
    async fn leave_running(&self, program: &str) -> Result<()> {
        let script = "setsid python3 -c \"$0\" </dev/null >/dev/null 2>&1 &";
        let request = json!({"cmd": "sh", "args": ["-c", script, program], "timeout_sec": 60});
        let output = self.api.exec(&self.id, &request).await?;
        ensure!(output.exit_code == 0, "{output:?}");
        Ok(())
    }
}

impl Slot {
    /// From the slot's record.
    fn of(sandbox: &str) -> Result<Self> {
        let host_address = roost_net::host_address_of("/run/roost/net".as_ref(), &sandbox.parse()?);
        let host_address = host_address.with_context(|| format!("no slot of {sandbox}"))?;
        // Slot N has the Nth address of one range and the Nth pair of the other: the defaults of `roost-host`.
        let number = host_address.to_bits() - Ipv4Addr::new(10, 11, 0, 0).to_bits();
        let host_end = Ipv4Addr::new(10, 12, 0, 0).to_bits() + 2 * number;
        Ok(Self {
            host_end: host_end.into(),
            own_end: (host_end + 1).into(),
            host_address,
        })
    }
}

/// Where `stack`'s nats-server listens.
fn nats_port(stack: &Stack) -> Result<u16> {
    let url = stack.nats_url();
    let port = url.rsplit(':').next().context("a port")?;
    port.trim_end_matches('/').parse().with_context(|| url.clone())
}
