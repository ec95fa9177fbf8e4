//! A real guest reads its own metadata, and its agent believes no greeting but that of its host.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use roost_schemas::envd::PORT;
use serde_json::{Value, json};
use xtask::client::Api;

use crate::harness::with_stack;

/// What a guest does to read its metadata, with nothing but its shell.
const READ: &str = r#"
ask() { exec 3<>/dev/tcp/169.254.169.254/80; printf "$1 HTTP/1.0\r\n$2\r\n\r\n" >&3; cat <&3; exec 3>&-; }
token=$(ask "PUT /latest/api/token" "X-metadata-token-ttl-seconds: 60" | tail -n 1)
ask "GET /" "Accept: application/json\r\nX-metadata-token: $token" | tail -n 1
echo
ask "GET /" "Accept: application/json" | head -n 1"#;

async fn bash(api: &Api, sandbox: &str, script: &str) -> Result<String> {
    let request = json!({"cmd": "bash", "args": ["-c", script]});
    Ok(api.exec(sandbox, &request).await?.stdout)
}

/// Where the host reaches the guest of `sandbox`, from the slot's record.
fn address(sandbox: &str) -> Result<Ipv4Addr> {
    let folders = fs::read_dir("/run/roost/net")?
        .flatten()
        .map(|entry| entry.path());
    let records = folders
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten();
    let record = records
        .filter_map(|entry| serde_json::from_slice::<Value>(&fs::read(entry.path()).ok()?).ok())
        .find(|record| record["owner"]["sandbox"] == sandbox)
        .with_context(|| format!("no slot of {sandbox}"))?;
    Ok(record["host_address"].as_str().context("no address")?.parse()?)
}

/// Greets an agent as its host does.
async fn greet(agent: Ipv4Addr, body: &Value) -> Result<(StatusCode, Value)> {
    let request = Request::post(format!("http://{agent}:{PORT}/init"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((parts.status, serde_json::from_slice(&body).unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_knows_itself_and_its_host_by_its_metadata() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let spec = json!({"template": "minimal", "env": {"E2B_SANDBOX_ID": "somebody-else"}});
        let sandbox = api.create(&spec).await?.id;

        let read = bash(&api, &sandbox, READ).await?;
        let (document, without_token) = read.trim().split_once('\n').context("two lines")?;
        let metadata: Value = serde_json::from_str(document).with_context(|| read.clone())?;
        assert_eq!(
            (&metadata["instanceID"], &metadata["envID"]),
            (&json!(sandbox), &json!("minimal"))
        );
        assert_eq!(
            metadata["accessTokenHash"].as_str().map(str::len),
            Some(64),
            "{metadata}"
        );
        assert!(without_token.contains(" 401 "), "{without_token}");

        let known = "echo $E2B_SANDBOX $E2B_SANDBOX_ID $E2B_TEMPLATE_ID; cat /run/e2b/.E2B_SANDBOX_ID";
        let known = bash(&api, &sandbox, known).await?;
        assert_eq!(known, format!("true {sandbox} minimal\n{sandbox}"));

        let agent = address(&sandbox)?;
        for greeting in [
            json!({}),
            json!({"accessToken": ""}),
            json!({"accessToken": "stolen", "envVars": {"A": "b"}}),
        ] {
            let (status, answer) = greet(agent, &greeting).await?;
            assert_eq!(
                (status, &answer["code"]),
                (StatusCode::UNAUTHORIZED, &json!(401)),
                "{greeting}"
            );
        }
        assert_eq!(
            bash(&api, &sandbox, "echo $A$B").await?,
            "\n",
            "nothing of it was taken"
        );
        api.kill(&sandbox).await
    })
    .await
}
