//! Tenants on a real stack: each with keys of its own, within its limits, whatever dies meanwhile.

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use hyper::{Method, StatusCode};
use roost_client::Api;
use serde_json::{Value, json};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::{eventually, kill};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_acts_by_its_keys_within_its_limits_and_outlives_the_gateway() -> Result<()> {
    with_stack(async |stack| {
        let operator = stack.api();
        let tenant = json!({"id": "acme", "limits": {"sandboxes": 2, "memory_mb": 512}});
        let made = operator.send(Method::POST, "/v1/tenants", &tenant).await?;
        made.expect(StatusCode::CREATED)?;
        let (key, id) = new_key(&operator, "acme").await?;
        let acme = Api::new(stack.gateway(), &key);

        let own = acme.create(&json!({"template": "minimal"})).await?.id;
        let said = acme.exec(&own, &json!({"cmd": "echo", "args": ["hi"]})).await?;
        assert_eq!(said.stdout, "hi\n");
        let seen: Value = operator
            .send(Method::GET, "/v1/sandboxes", &Value::Null)
            .await?
            .json()?;
        assert_eq!(
            seen["sandboxes"],
            json!([]),
            "the operator acts for another tenant"
        );
        at_once(&acme).await?;
        paused_ones_need_room(&operator, &acme, &own).await?;

        kill(stack, Role::Gateway).await?;
        let listed = eventually("the key admits", async || acme.list().await).await?;
        assert_eq!(listed.len(), 2);
        revoked_for_good(stack, &operator, &acme, &id).await?;

        let (key, _) = new_key(&operator, "acme").await?;
        let acme = Api::new(stack.gateway(), &key);
        for sandbox in acme.list().await? {
            acme.kill(&sandbox.id).await?;
        }
        Ok(())
    })
    .await
}

/// A key that may run, and its id.
async fn new_key(operator: &Api, tenant: &str) -> Result<(String, String)> {
    let path = format!("/v1/keys?tenant={tenant}");
    let made = operator.send(Method::POST, &path, &json!({"name": "ci"})).await?;
    let made: Value = made.read(StatusCode::CREATED)?;
    let text = |field: &str| made[field].as_str().map(str::to_owned).context("a text");
    Ok((text("key")?, text("id")?))
}

/// However many ask at the same time, no more are made than may be.
async fn at_once(acme: &Api) -> Result<()> {
    let body = json!({"template": "minimal"});
    let asked = (0..4).map(|_| acme.send(Method::POST, "/v1/sandboxes", &body));
    let (mut made, mut refused) = (0, 0);
    for answer in join_all(asked).await {
        let answer = answer?;
        match answer.status {
            StatusCode::CREATED => made += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                let failure = answer.refused();
                assert_eq!(failure.code.as_deref(), Some("limit_exceeded"));
                ensure!(failure.message.contains("limit of sandboxes is 2"), "{failure}");
                refused += 1;
            }
            status => anyhow::bail!("{status}: {answer:?}"),
        }
    }
    assert_eq!((made, refused), (1, 3));
    Ok(())
}

/// What is paused has no memory, and needs it again to run.
async fn paused_ones_need_room(operator: &Api, acme: &Api, own: &str) -> Result<()> {
    let pause = format!("/v1/sandboxes/{own}/pause");
    acme.send(Method::POST, &pause, &Value::Null)
        .await?
        .expect(StatusCode::OK)?;
    let shown: Value = acme
        .send(Method::GET, "/v1/tenants/acme", &Value::Null)
        .await?
        .json()?;
    assert_eq!(
        (&shown["usage"]["sandboxes"], &shown["usage"]["vcpus"]),
        (&json!(2), &json!(1))
    );
    let limits = "/v1/tenants/acme/limits";
    let set = async |memory_mb: u32| {
        let limits_now = json!({"sandboxes": 2, "memory_mb": memory_mb});
        operator
            .send(Method::PUT, limits, &limits_now)
            .await?
            .expect(StatusCode::OK)
    };
    set(1).await?;
    let resume = format!("/v1/sandboxes/{own}/resume");
    let refused = acme.send(Method::POST, &resume, &Value::Null).await?;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    let failure = refused.refused();
    ensure!(failure.message.contains("limit of memory_mb is 1"), "{failure}");
    set(4096).await?;
    acme.send(Method::POST, &resume, &Value::Null)
        .await?
        .expect(StatusCode::OK)?;
    Ok(())
}

/// A key that was revoked admits nobody from then on, whoever is restarted.
async fn revoked_for_good(stack: &Stack, operator: &Api, acme: &Api, id: &str) -> Result<()> {
    let path = format!("/v1/keys/{id}?tenant=acme");
    let revoked = operator.send(Method::DELETE, &path, &Value::Null).await?;
    revoked.expect(StatusCode::NO_CONTENT)?;
    let status = async || {
        let answer = acme.send(Method::GET, "/v1/sandboxes", &Value::Null).await?;
        anyhow::Ok(answer.status)
    };
    assert_eq!(status().await?, StatusCode::UNAUTHORIZED);
    kill(stack, Role::Gateway).await?;
    let after = eventually("an answer", status).await?;
    assert_eq!(after, StatusCode::UNAUTHORIZED);
    Ok(())
}
