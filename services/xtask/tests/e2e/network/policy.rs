//! A sandbox's own network policy, carried out for a real guest from its first packet, and changed while it runs.

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;

use super::fetch;
use super::outside::{Outside, POLICY};
use crate::harness::with_stack;

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
        for sandbox in [sandbox, neighbour] {
            api.kill(&sandbox).await?;
        }
        outside.remove().await
    })
    .await
}
