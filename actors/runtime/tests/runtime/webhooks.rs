//! Webhooks are changed by the router alone, within what they may be and how many a tenant may have.

use std::collections::BTreeMap;

use roost_domain::webhook::MAX_WEBHOOKS;
use roost_schemas::command::{ChangeWebhook, SandboxCommand, WebhookChange};
use roost_schemas::reply::{Code, Reply};
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{SandboxId, Sequence, WebhookId};

use crate::world::World;

fn command(webhook: &str, change: WebhookChange) -> SandboxCommand {
    SandboxCommand::Webhook(ChangeWebhook {
        webhook: WebhookId::new(webhook).unwrap(),
        change,
    })
}

fn create(url: &str) -> WebhookChange {
    WebhookChange::Create(WebhookSpec {
        url: url.to_owned(),
        types: Vec::new(),
        metadata: BTreeMap::new(),
    })
}

/// What the router says of it: the state, or why not.
async fn ask(world: &World, webhook: &str, change: WebhookChange) -> Result<String, Code> {
    let place = SandboxId::new("webhooks").unwrap();
    match world.ask(&place, &command(webhook, change)).await {
        Reply::Accepted(accepted) => Ok(accepted.state),
        Reply::Rejected(rejected) => Err(rejected.code),
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_made_within_bounds_and_makes_room_when_it_ends() {
    let world = World::without_host().await;
    let url = "https://example.com/hook";
    for private in [
        "http://127.0.0.1/",
        "http://[::1]/",
        "ftp://example.com",
        "example.com",
    ] {
        assert_eq!(
            ask(&world, "w0", create(private)).await,
            Err(Code::InvalidRequest)
        );
    }
    for number in 0..MAX_WEBHOOKS {
        assert_eq!(
            ask(&world, &format!("w{number}"), create(url)).await,
            Ok("telling".into())
        );
    }
    assert_eq!(ask(&world, "more", create(url)).await, Err(Code::InvalidState));
    assert_eq!(
        ask(&world, "w0", create(url)).await,
        Ok("telling".into()),
        "it is there"
    );
    assert_eq!(
        ask(&world, "w0", create("https://example.org")).await,
        Err(Code::Conflict)
    );
    assert_eq!(
        ask(&world, "w0", WebhookChange::Delete).await,
        Ok("deleted".into())
    );
    assert_eq!(ask(&world, "more", create(url)).await, Ok("telling".into()));
    assert_eq!(
        ask(&world, "nosuch", WebhookChange::Delete).await,
        Err(Code::NotFound)
    );
    let again = WebhookChange::Redeliver(Sequence(1));
    assert_eq!(ask(&world, "w1", again).await, Err(Code::NotFound));
}
