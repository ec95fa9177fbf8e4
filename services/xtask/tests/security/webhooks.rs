//! Webhooks as a way inside: what a tenant has posted reaches no address that is not public, neither by name nor by
//! redirect.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use xtask::stack::{Stack, Terms};

use crate::harness::{parts, with_parts};

/// Seconds for which these stacks try what fails.
const PATIENCE_SEC: u64 = 1;
/// How long it takes at most until what fails is put aside.
const ASIDE_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_reaches_nothing_inside() -> Result<()> {
    // The one address of this machine that may be gone to redirects to another that may not.
    let (inside, mut caught) = listen("127.0.0.1:0", String::new()).await?;
    let location =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{inside}/\r\nContent-Length: 0\r\n\r\n");
    let (outside, _redirecting) = listen("127.0.0.2:0", location).await?;
    let mut parts = parts().await?;
    parts.webhooks = Terms {
        allow_targets: vec!["127.0.0.2".to_owned()],
        patience_sec: Some(PATIENCE_SEC),
    };
    with_parts(parts, async |stack| {
        for private in private(inside.port(), &stack.nats_url()) {
            let answer = make(stack, &private).await?;
            ensure!(
                answer.error_code().as_deref() == Some("invalid_request"),
                "{private}"
            );
        }
        // To the router a name is a name; where it leads shows when it is looked up.
        let by_name = format!("http://localhost:{}/", inside.port());
        let mut ids = Vec::new();
        for url in [format!("http://{outside}/"), by_name] {
            let made: Value = make(stack, &url).await?.read(StatusCode::CREATED)?;
            ids.push(made["id"].as_str().context("an id")?.to_owned());
        }
        let sandbox = stack.api().create(&json!({"template": "minimal"})).await?.id;
        let redirected = reason(stack, &ids[0]).await?;
        ensure!(redirected.contains("redirects are not followed"), "{redirected}");
        let named = reason(stack, &ids[1]).await?;
        ensure!(named.contains("public addresses alone"), "{named}");
        stack.api().kill(&sandbox).await
    })
    .await?;
    ensure!(caught.try_join_next().is_none(), "something was connected to");
    Ok(())
}

/// URLs of what is not public, in every way to write it.
fn private(port: u16, nats: &str) -> Vec<String> {
    let mut urls = vec![nats.replace("nats://", "http://")];
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.0.21",
        "100.64.0.1",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ] {
        urls.push(format!("http://{host}:{port}/"));
    }
    urls
}

async fn make(stack: &Stack, url: &str) -> Result<xtask::client::Answer> {
    stack
        .api()
        .send(Method::POST, "/v1/webhooks", &json!({"url": url}))
        .await
}

/// Why the first commit that was put aside could not be told.
async fn reason(stack: &Stack, webhook: &str) -> Result<String> {
    let path = format!("/v1/webhooks/{webhook}/dead-letters");
    let look = async {
        loop {
            let page: Value = stack
                .api()
                .send(Method::GET, &path, &Value::Null)
                .await?
                .read(StatusCode::OK)?;
            if let Some(reason) = page["dead_letters"][0]["reason"].as_str() {
                return anyhow::Ok(reason.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(ASIDE_WITHIN, look)
        .await
        .context("nothing was put aside")?
}

/// Listens, and answers everyone so; the task ends with the first connection if there is no answer.
async fn listen(address: &str, answer: String) -> Result<(std::net::SocketAddr, JoinSet<()>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if answer.is_empty() {
                return;
            }
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok((address, task))
}
