//! Keys and tokens: told once, kept nowhere but as keyed hashes, and good for nothing but what they say.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use roost_client::{Api, Refused};
use serde_json::{Value, json};
use xtask::stack::Stack;

use crate::harness::with_stack;

/// How long a short key is good.
const SHORT: Duration = Duration::from_secs(3);
/// Keys that are guessed.
const GUESSES: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_key_admits_and_nothing_keeps_it() -> Result<()> {
    with_stack(async |stack| {
        let operator = stack.api();
        let short = new_key(
            &operator,
            json!({"name": "short", "scope": "admin", "expires_at": in_a_moment()}),
        )
        .await?;
        let read = new_key(&operator, json!({"name": "read", "scope": "read"})).await?;
        let gone = new_key(&operator, json!({"name": "gone", "scope": "admin"})).await?;
        assert_eq!(status(stack, &gone.0, "/v1/keys").await?, StatusCode::OK);
        let path = format!("/v1/keys/{}", gone.1);
        let revoked = operator.send(Method::DELETE, &path, &Value::Null).await?;
        revoked.expect(StatusCode::NO_CONTENT)?;
        for path in ["/v1/keys", "/v1/sandboxes", "/sandboxes", "/v1/hosts"] {
            assert_eq!(
                status(stack, &gone.0, path).await?,
                StatusCode::UNAUTHORIZED,
                "{path}"
            );
        }
        scopes_hold(stack, &read.0).await?;
        malformed_ones_admit_nobody(stack, &read.0).await?;
        guesses_admit_nobody(stack).await?;
        tokio::time::sleep(SHORT).await;
        assert_eq!(
            status(stack, &short.0, "/v1/keys").await?,
            StatusCode::UNAUTHORIZED
        );
        for (key, _) in [&short, &read, &gone] {
            kept_nowhere(stack.state().path(), key.as_bytes())?;
        }
        Ok(())
    })
    .await
}

fn in_a_moment() -> String {
    (jiff::Timestamp::now() + SHORT).to_string()
}

/// A key of the first tenant, and its id.
async fn new_key(operator: &Api, spec: Value) -> Result<(String, String)> {
    let made = operator.send(Method::POST, "/v1/keys", &spec).await?;
    let made: Value = made.read(StatusCode::CREATED)?;
    let text = |field: &str| made[field].as_str().map(str::to_owned).context("a text");
    Ok((text("key")?, text("id")?))
}

async fn status(stack: &Stack, key: &str, path: &str) -> Result<StatusCode> {
    let api = Api::new(stack.gateway(), key);
    Ok(api.send(Method::GET, path, &Value::Null).await?.status)
}

/// Who may look may neither do, nor let others.
async fn scopes_hold(stack: &Stack, read: &str) -> Result<()> {
    let api = Api::new(stack.gateway(), read);
    for (method, path, body) in [
        (Method::POST, "/v1/sandboxes", json!({"template": "minimal"})),
        (Method::POST, "/sandboxes", json!({"templateID": "minimal"})),
        (
            Method::POST,
            "/v1/keys",
            json!({"name": "more", "scope": "admin"}),
        ),
        (Method::GET, "/v1/keys", Value::Null),
        (Method::GET, "/v1/hosts", Value::Null),
        (Method::POST, "/v1/tenants", json!({"id": "mine"})),
        (Method::PUT, "/v1/tenants/default/limits", json!({"sandboxes": 0})),
    ] {
        let answer = api.send(method.clone(), path, &body).await?;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{method} {path}: {answer:?}"
        );
    }
    let socket = api.socket("/v1/sandboxes/nosuch/exec/stream", &[]).await;
    let refused = socket.err().context("a socket to run something opened")?;
    let refused = refused.downcast::<Refused>()?;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    Ok(())
}

/// Whatever is nearly a key, or stands where one should.
async fn malformed_ones_admit_nobody(stack: &Stack, key: &str) -> Result<()> {
    let anonymous = stack.api().anonymous();
    let hash = "a5".repeat(32);
    let long = "e2b_".to_owned() + &"0".repeat(8_000);
    let headers = [
        ("x-api-key", ""),
        ("x-api-key", "e2b_"),
        ("x-api-key", &key[..key.len() - 1]),
        ("x-api-key", &key[4..]),
        ("x-api-key", hash.as_str()),
        ("x-api-key", long.as_str()),
        ("x-api-key", "e2b_' OR 1=1 --"),
        ("authorization", key),
        ("authorization", "Bearer"),
        ("authorization", "Basic ZTJiXzpx"),
        ("x-api-keys", key),
        ("cookie", key),
    ];
    for (name, value) in headers {
        let asked = anonymous
            .send_raw(Method::GET, "/v1/sandboxes", &[(name, value)], "")
            .await?;
        assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{name}: {value}");
        ensure!(!String::from_utf8_lossy(&asked.body).contains(key), "{asked:?}");
    }
    let queried = format!("/v1/sandboxes?api_key={key}");
    let queried = anonymous.send(Method::GET, &queried, &Value::Null).await?;
    assert_eq!(
        queried.status,
        StatusCode::UNAUTHORIZED,
        "never in a URL, which is logged"
    );
    Ok(())
}

async fn guesses_admit_nobody(stack: &Stack) -> Result<()> {
    for guess in 0..GUESSES {
        let key = format!(
            "e2b_{:040x}",
            u128::from(guess).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        assert_eq!(
            status(stack, &key, "/v1/sandboxes").await?,
            StatusCode::UNAUTHORIZED
        );
    }
    Ok(())
}

/// Fails if a file below `folder`, a log among them, has these bytes.
fn kept_nowhere(folder: &Path, secret: &[u8]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = {
            let entry = entry?;
            (entry.path(), entry.file_type()?)
        };
        if kind.is_dir() {
            kept_nowhere(&path, secret)?;
        } else if kind.is_file() {
            // Drives of sandboxes are sparse and large, and nothing of a key ever goes there.
            let Ok(bytes) = fs::read(&path) else { continue };
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            ensure!(!found, "{} has a key in the clear", path.display());
        }
    }
    Ok(())
}
