//! A sandbox's own network policy, carried out for a real guest from its first packet, and changed while it runs.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;

use super::fetch;
use super::outside::{Outside, Site};
use crate::harness::with_stack;

/// For the test of sandboxes' own policies.
const POLICY: Site = Site {
    outside: Ipv4Addr::new(198, 51, 100, 10),
    machine: Ipv4Addr::new(198, 51, 100, 1),
    ends: ["rst-e2e-near", "rst-e2e-far"],
};

async fn set(api: &Api, sandbox: &str, policy: &Value) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}/network");
    let answer = api.send(Method::PUT, &path, policy).await?;
    answer.expect(StatusCode::OK).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_without_internet_reaches_nothing_until_it_is_opened() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let outside = Outside::make(POLICY).await?;
        let closed = json!({"template": "minimal", "network": {"internet": false}});
        let sandbox = api.create(&closed).await?.id;
        let open = json!({"template": "minimal"});
        let neighbour = api.create(&open).await?.id;
        let url = outside.url();
        assert_eq!(fetch(&api, &sandbox, &url).await?, None, "closed from the start");
        assert!(
            fetch(&api, &neighbour, &url).await?.is_some(),
            "a policy is its sandbox's alone"
        );

        let address = POLICY.outside.to_string();
        for (policy, reached) in [
            (json!({"internet": true}), true),
            (json!({"deny": ["198.51.100.0/24"]}), false),
            (json!({"deny": ["198.51.100.0/24"], "allow": [address]}), true),
            (json!({"internet": false}), false),
        ] {
            set(&api, &sandbox, &policy).await?;
            // The log has the change; the slot carries it out in a moment.
            let mut seen = fetch(&api, &sandbox, &url).await?;
            for _ in 0..20 {
                if seen.is_some() == reached {
                    break;
                }
                seen = fetch(&api, &sandbox, &url).await?;
            }
            assert_eq!(seen.is_some(), reached, "{policy}");
        }
        let took = changes(&api, &neighbour, &outside).await?;
        // The figure is 100 ms; what a machine that runs other tests beside this one adds is not held against it.
        assert!(took[took.len() / 2] < Duration::from_secs(1), "{took:?}");
        for sandbox in [sandbox, neighbour] {
            api.kill(&sandbox).await?;
        }
        outside.remove().await
    })
    .await
}

/// How long changes took from their request until packets kept to them, sorted.
async fn changes(api: &Api, sandbox: &str, outside: &Outside) -> Result<Vec<Duration>> {
    // A datagram every few milliseconds, by nothing but the shell; whatever becomes of one, the next follows.
    let (address, port) = (POLICY.outside, outside.port());
    let ticks = format!(
        "mkfifo /tmp/never; (exec 4<>/tmp/never; exec 3>/dev/udp/{address}/{port}; \
         while :; do echo tick >&3; read -t 0.005 -u 4; done) </dev/null >/dev/null 2>&1 &"
    );
    let request = json!({"cmd": "bash", "args": ["-c", ticks], "timeout_sec": 30});
    api.exec(sandbox, &request).await?;
    let mut took = Vec::new();
    for internet in [false, true, false, true, false, true] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let asked = Instant::now();
        set(api, sandbox, &json!({"internet": internet})).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut since = outside
            .heard()
            .into_iter()
            .map(|(at, _)| at)
            .filter(|at| *at >= asked);
        // The first that passed, or the last that did.
        let turn = if internet { since.next() } else { since.next_back() };
        took.push(turn.map_or(Duration::ZERO, |at| at - asked));
    }
    took.sort();
    eprintln!("a policy is carried out after {took:?}");
    Ok(took)
}
