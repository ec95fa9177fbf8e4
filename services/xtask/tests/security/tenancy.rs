//! Tenancy: whose key it is says for whom it acts, and nothing else does; of others nothing is seen, reached or guessed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use roost_client::Api;
use serde_json::{Value, json};

use crate::harness::with_stack;

/// An id that nobody has, as long as those that somebody has.
const NOBODYS: &str = "sb00000000000000000000";
/// How often each of two answers is timed.
const ROUNDS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_sandbox_is_as_if_it_were_not_there() -> Result<()> {
    with_stack(async |stack| {
        let operator = stack.api();
        let mut sandboxes = Vec::new();
        for tenant in ["acme", "other"] {
            let made = operator
                .send(Method::POST, "/v1/tenants", &json!({"id": tenant}))
                .await?;
            made.expect(StatusCode::CREATED)?;
            let path = format!("/v1/keys?tenant={tenant}");
            let made = operator
                .send(Method::POST, &path, &json!({"name": "t", "scope": "admin"}))
                .await?;
            let made: Value = made.read(StatusCode::CREATED)?;
            let api = Api::new(stack.gateway(), made["key"].as_str().context("a key")?);
            let id = api
                .create(&json!({"template": "minimal", "timeout_sec": 600}))
                .await?
                .id;
            sandboxes.push((api, id));
        }
        let [(acme, own), (other, theirs)] = &sandboxes[..] else {
            unreachable!("two were made")
        };
        told_apart_by_nothing(acme, theirs).await?;
        answered_as_fast(acme, theirs).await?;
        a_body_says_nothing(acme).await?;
        assert_eq!(
            acme.list().await?.iter().map(|one| &one.id).collect::<Vec<_>>(),
            [own]
        );
        // Nothing of all that has touched it.
        let said = other
            .exec(theirs, &json!({"cmd": "echo", "args": ["here"]}))
            .await?;
        assert_eq!(said.stdout, "here\n");
        for (api, id) in &sandboxes {
            api.kill(id).await?;
        }
        Ok(())
    })
    .await
}

/// Word for word the same answer for what another has and for what nobody has.
async fn told_apart_by_nothing(acme: &Api, theirs: &str) -> Result<()> {
    for (method, path, body) in [
        (Method::GET, "/v1/sandboxes/ID", Value::Null),
        (Method::DELETE, "/v1/sandboxes/ID", Value::Null),
        (Method::GET, "/v1/sandboxes/ID/events", Value::Null),
        (Method::POST, "/v1/sandboxes/ID/pause", Value::Null),
        (Method::POST, "/v1/sandboxes/ID/resume", Value::Null),
        (Method::POST, "/v1/sandboxes/ID/fork", json!({"count": 1})),
        (
            Method::POST,
            "/v1/sandboxes/ID/timeout",
            json!({"timeout_sec": 60}),
        ),
        (Method::PUT, "/v1/sandboxes/ID/network", json!({})),
        (Method::POST, "/v1/sandboxes/ID/exec", json!({"cmd": "true"})),
        (Method::POST, "/v1/sandboxes/ID/files/list", json!({"path": "/"})),
        (Method::GET, "/v1/sandboxes/ID/processes", Value::Null),
        (
            Method::POST,
            "/v1/snapshots",
            json!({"sandbox_id": "ID", "name": "mine"}),
        ),
        (Method::GET, "/sandboxes/ID", Value::Null),
        (Method::DELETE, "/sandboxes/ID", Value::Null),
        (Method::POST, "/sandboxes/ID/connect", json!({"timeout": 60})),
        (Method::POST, "/sandboxes/ID/pause", Value::Null),
        (Method::GET, "/sandboxes/ID/metrics", Value::Null),
    ] {
        let ask = async |id: &str| {
            let body = body.to_string().replace("ID", id);
            let body: Value = serde_json::from_str(&body)?;
            acme.send(method.clone(), &path.replace("ID", id), &body).await
        };
        let (foreign, absent) = (ask(theirs).await?, ask(NOBODYS).await?);
        assert_eq!(
            foreign.status,
            StatusCode::NOT_FOUND,
            "{method} {path}: {foreign:?}"
        );
        assert_eq!(
            absent.status,
            StatusCode::NOT_FOUND,
            "{method} {path}: {absent:?}"
        );
        let text = |bytes: &[u8], id: &str| String::from_utf8_lossy(bytes).replace(id, "ID");
        assert_eq!(
            text(&foreign.body, theirs),
            text(&absent.body, NOBODYS),
            "{method} {path}"
        );
    }
    for (foreign, absent) in [
        ("/v1/tenants/other", "/v1/tenants/nobody"),
        ("/v1/keys?tenant=other", "/v1/keys?tenant=nobody"),
    ] {
        let foreign = acme.send(Method::GET, foreign, &Value::Null).await?;
        let absent = acme.send(Method::GET, absent, &Value::Null).await?;
        assert_eq!(
            (foreign.status, absent.status),
            (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
        );
        let foreign = String::from_utf8_lossy(&foreign.body).replace("other", "nobody");
        assert_eq!(foreign, String::from_utf8_lossy(&absent.body));
    }
    Ok(())
}

/// How long the answer takes tells nothing either: the medians are within each other's spread.
async fn answered_as_fast(acme: &Api, theirs: &str) -> Result<()> {
    let (mut foreign, mut absent) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (id, times) in [(theirs, &mut foreign), (NOBODYS, &mut absent)] {
            let began = Instant::now();
            acme.send(Method::GET, &format!("/v1/sandboxes/{id}"), &Value::Null)
                .await?;
            times.push(began.elapsed());
        }
    }
    let quartiles = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        [1, 2, 3].map(|quarter| times[times.len() * quarter / 4])
    };
    let ([low, median, high], [_, other, _]) = (quartiles(&mut foreign), quartiles(&mut absent));
    ensure!(
        (low..=high).contains(&other),
        "another's takes {median:?} ({low:?} to {high:?}), nobody's {other:?}"
    );
    Ok(())
}

/// A tenant is nothing that a request can name.
async fn a_body_says_nothing(acme: &Api) -> Result<()> {
    let named = json!({"template": "minimal", "tenant": "other"});
    let answer = acme.send(Method::POST, "/v1/sandboxes", &named).await?;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    for name in ["x-tenant", "roost-tenant", "x-team-id"] {
        let answer = acme
            .send_raw(Method::GET, "/v1/sandboxes", &[(name, "other")], "")
            .await?;
        let listed: Value = answer.read(StatusCode::OK)?;
        assert_eq!(listed["sandboxes"].as_array().map(Vec::len), Some(1), "{name}");
    }
    let queried = acme
        .send(Method::GET, "/v1/sandboxes?tenant=other", &Value::Null)
        .await?;
    assert_eq!(queried.status, StatusCode::BAD_REQUEST, "{queried:?}");
    Ok(())
}
