//! What a real guest reaches: a host outside, by address translation, and nothing of this machine or behind it.

mod metadata;
mod outside;
mod policy;

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;
use serde_json::json;
use xtask::client::Api;

use crate::harness::with_stack;
use outside::{Outside, Site};

/// For the test of what is closed to everybody.
const ALWAYS: Site = Site {
    outside: Ipv4Addr::new(203, 0, 113, 10),
    machine: Ipv4Addr::new(203, 0, 113, 1),
    ends: ["rst-e2e-here", "rst-e2e-there"],
};

/// Seconds a guest tries. What is rejected fails at once, what is dropped takes this long.
const TRY_SEC: u32 = 4;

/// Fetches `url` in the guest; nothing if it cannot.
async fn fetch(api: &Api, sandbox: &str, url: &str) -> Result<Option<String>> {
    let limit = TRY_SEC.to_string();
    let request = json!({"cmd": "timeout", "args": [limit, "wget", "-q", "-O", "-", url], "timeout_sec": 30});
    let output = api.exec(sandbox, &request).await?;
    Ok((output.exit_code == 0).then_some(output.stdout))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reaches_the_outside_and_nothing_of_this_machine() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let outside = Outside::make(ALWAYS).await?;
        let machine = ALWAYS.machine;
        // It listens on every address of this machine, those of the slots included.
        let here = TcpListener::bind("0.0.0.0:0")?;
        let port = here.local_addr()?.port();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let seen = fetch(&api, &sandbox, &outside.url()).await?;
        assert_eq!(
            seen.as_deref(),
            Some(&*format!("you are {machine}")),
            "the outside sees this machine's address, not the guest's"
        );
        let gateway = stack.gateway().port();
        for forbidden in [
            format!("http://{machine}:{port}/"),
            format!("http://169.254.0.22:{port}/"),
            format!("http://127.0.0.1:{gateway}/health"),
            format!("http://{machine}:{gateway}/health"),
            "http://169.254.169.254:8080/".to_owned(),
            "http://10.0.0.1/".to_owned(),
            "http://192.168.0.1/".to_owned(),
        ] {
            assert_eq!(fetch(&api, &sandbox, &forbidden).await?, None, "{forbidden}");
        }
        here.set_nonblocking(true)?;
        assert!(here.accept().is_err(), "a guest connected to this machine");
        let resolver = api
            .exec(&sandbox, &json!({"cmd": "cat", "args": ["/etc/resolv.conf"]}))
            .await?;
        assert!(
            resolver.stdout.contains("nameserver 169.254.0.22"),
            "{}",
            resolver.stdout
        );
        api.kill(&sandbox).await?;
        outside.remove().await
    })
    .await
}
