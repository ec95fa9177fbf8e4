//! Webhooks: made, listed, told their secret, and gone; and what they could not tell.

use std::sync::Arc;

use roost_domain::webhook::{Command, Webhook};
use roost_runtime::Ledger;
use roost_schemas::command::Envelope;
use roost_schemas::event::GivenUp;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp, WebhookId};
use serde_json::{Value, json};

use crate::world::{LONG, World};

const URL: &str = "https://example.com/hook";

impl World {
    /// The body of a webhook that is made.
    async fn webhook(&self) -> Value {
        self.post("/v1/webhooks", &json!({"url": URL}))
            .send()
            .await
            .ok(201)
    }

    /// What the teller of webhooks says of one.
    async fn tells(&self, webhook: &str, command: Command) {
        let subject = EventSubject::webhook(TenantId::first(), WebhookId::new(webhook).unwrap());
        let mut ledger = Ledger::<Webhook>::load(Arc::clone(&self.ports.journal), subject)
            .await
            .unwrap();
        let envelope = Envelope {
            command_id: CommandId::random(),
            at: Timestamp::now(),
            principal: "webhooks".into(),
            command,
        };
        let done = ledger.execute(&envelope).await.unwrap();
        assert!(self.ports.fleet.wait_for(done.sequence, LONG).await);
    }
}

#[tokio::test]
async fn a_webhook_is_made_once_shown_without_its_secret_and_deleted() {
    let world = World::new().await;
    let body = json!({"url": URL, "types": ["running", "stopped"], "metadata": {"owner": "ci"}});
    let ask = || world.post("/v1/webhooks", &body).key("k1").send();
    let answer = ask().await;
    let sequence = answer.sequence();
    let made = answer.ok(201);
    assert_eq!(ask().await.ok(201), made, "made once, and told the same");
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let other = json!({"url": "https://example.org"});
    let reused = world.post("/v1/webhooks", &other).key("k1").send().await;
    reused.error(409, "conflict");

    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/webhooks/{id}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(world.get(&path).send().await.ok(200), shown);
    let listed = world.get("/v1/webhooks").send().await;
    assert!(listed.sequence() >= sequence);
    assert_eq!(listed.ok(200)["webhooks"], json!([shown]));
    let told = world.get(&format!("{path}/secret")).send().await.ok(200);
    assert_eq!(told, json!({"secret": secret}));

    for _ in 0..2 {
        world.delete(&path).send().await.ok(204);
    }
    for gone in [
        path.clone(),
        format!("{path}/secret"),
        format!("{path}/dead-letters"),
    ] {
        world.get(&gone).send().await.error(404, "not_found");
    }
    assert_eq!(
        world.get("/v1/webhooks").send().await.ok(200)["webhooks"],
        json!([])
    );
}

#[tokio::test]
async fn what_could_not_be_told_is_listed_and_asked_for() {
    let world = World::new().await;
    let id = world.webhook().await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{id}/dead-letters");
    assert_eq!(world.get(&path).send().await.ok(200)["dead_letters"], json!([]));
    let given_up = GivenUp {
        sequence: Sequence(7),
        sandbox: SandboxId::new("sb1").unwrap(),
        attempts: 12,
        reason: "it answered 503".to_owned(),
    };
    world.tells(&id, Command::GiveUp(given_up)).await;
    let mut letter = json!({
        "sequence": 7, "sandbox": "sb1", "attempts": 12, "reason": "it answered 503", "asked": false,
    });
    assert_eq!(
        world.get(&path).send().await.ok(200)["dead_letters"],
        json!([letter])
    );
    let shown = world.get(&format!("/v1/webhooks/{id}")).send().await;
    assert_eq!(shown.ok(200)["dead_letters"], 1);

    let ask = |sequence: &str| world.post(&format!("{path}/{sequence}/redeliver"), &Value::Null);
    letter["asked"] = json!(true);
    for _ in 0..2 {
        assert_eq!(ask("7").key("k1").send().await.ok(202), letter);
    }
    ask("8").send().await.error(404, "not_found");
    for bad in ["0", "x", "-1", "99999999999999999999"] {
        ask(bad).send().await.error(400, "invalid_request");
    }
    world.tells(&id, Command::Redelivered(Sequence(7))).await;
    assert_eq!(world.get(&path).send().await.ok(200)["dead_letters"], json!([]));
    assert_eq!(
        ask("7").key("k1").send().await.ok(202),
        letter,
        "as the first time"
    );
}

#[tokio::test]
async fn a_webhook_that_cannot_be_told_anything_is_refused() {
    let world = World::new().await;
    let make = |body: Value| world.post("/v1/webhooks", &body).send();
    for url in [
        "",
        "example.com",
        "ftp://example.com",
        "https://user:secret@example.com",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1",
    ] {
        let message = make(json!({"url": url})).await.error(400, "invalid_request");
        assert!(message.contains("url"), "{message}");
    }
    for bad in [
        json!({}),
        json!({"url": URL, "types": ["nonsense"]}),
        json!({"url": URL, "types": ["running", "running"]}),
        json!({"url": URL, "metadata": {"big": "x".repeat(20_000)}}),
        json!({"url": URL, "secret": "mine"}),
    ] {
        make(bad).await.error(400, "invalid_request");
    }
    for _ in 0..20 {
        world.webhook().await;
    }
    let message = make(json!({"url": URL})).await.error(409, "invalid_state");
    assert!(message.contains("20 webhooks"), "{message}");
}

#[tokio::test]
async fn only_an_admin_of_the_same_tenant_finds_a_webhook() {
    let world = World::new().await;
    let made = world.webhook().await;
    let id = made["id"].as_str().unwrap();
    world
        .post("/v1/tenants", &json!({"id": "other"}))
        .send()
        .await
        .ok(201);
    let (stranger, _) = world.key("other", "admin").await;
    let (runner, _) = world.key("default", "run").await;
    for path in ["", "/secret", "/dead-letters"] {
        let path = format!("/v1/webhooks/{id}{path}");
        world
            .get(&path)
            .by(&stranger)
            .send()
            .await
            .error(404, "not_found");
        world
            .get(&path)
            .by(&runner)
            .send()
            .await
            .error(403, "permission_denied");
    }
    let own = format!("/v1/webhooks/{id}");
    world
        .delete(&own)
        .by(&stranger)
        .send()
        .await
        .error(404, "not_found");
    let listed = world.get("/v1/webhooks").by(&stranger).send().await;
    assert_eq!(listed.ok(200)["webhooks"], json!([]));
    world.get(&own).send().await.ok(200);
}
