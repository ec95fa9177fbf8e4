//! Who sees what, and for how long.

use serde_json::json;

use super::reader::{Writer, open, try_open, whole};
use crate::client::KEY;
use crate::ports::stage::listening;
use crate::world::World;

#[tokio::test]
async fn a_tenant_follows_its_own_events_alone() {
    let world = World::new().await;
    let address = listening(&world).await;
    world.tenant("acme", json!({})).await;
    let (key, _) = world.key("acme", "read").await;
    let mut theirs = try_open(address, "/v1/events?type=stopped", &key)
        .await
        .ok()
        .unwrap();
    let mut everybody = open(address, "/v1/events?tenant=*&type=stopped").await;
    let mut named = open(address, "/v1/events?tenant=acme&type=stopped").await;
    Writer::new(&world.ports, "default", "s1").write(2).await;
    let last = Writer::new(&world.ports, "acme", "s2").write(2).await;
    assert_eq!(whole(&theirs.until(last).await), [last - 1, last]);
    assert_eq!(whole(&named.until(last).await), [last - 1, last]);
    assert_eq!(
        whole(&everybody.until(last).await),
        [last - 3, last - 2, last - 1, last]
    );
    for (path, status) in [
        ("/v1/events?tenant=default", 404),
        ("/v1/events?tenant=nosuch", 404),
        ("/v1/events?tenant=*", 403),
        ("/v1/sandboxes/s1/events", 404),
        ("/v1/sandboxes/s1/events?tenant=default", 404),
    ] {
        let (found, _) = try_open(address, path, &key).await.err().unwrap();
        assert_eq!(found, status, "{path}");
        assert_eq!(world.get(path).by(&key).send().await.status, status, "{path}");
    }
    // Named or by a label, another's sandbox is not there.
    let page = world.get("/v1/events?sandbox=s1").by(&key).send().await.ok(200);
    assert_eq!(page["events"], json!([]));
}

#[tokio::test]
async fn a_revoked_key_s_streams_end_at_once() {
    let world = World::new().await;
    let address = listening(&world).await;
    let (key, id) = world.key("default", "read").await;
    let mut reader = try_open(address, "/v1/events?type=lost", &key)
        .await
        .ok()
        .unwrap();
    let mut other = try_open(address, "/v1/events?type=key_revoked", KEY)
        .await
        .ok()
        .unwrap();
    world.delete(&format!("/v1/keys/{id}")).send().await.ok(204);
    let revoked = other.event().await;
    let (end, code) = reader.end().await;
    assert_eq!((&end["data"]["code"], code), (&json!("revoked"), 1008), "{end}");
    assert_eq!(revoked["data"]["id"], json!(id));
}

#[tokio::test]
async fn a_key_s_hash_is_told_to_nobody() {
    let world = World::new().await;
    world.key("default", "run").await;
    let page = world.get("/v1/events?type=key_created").send().await.ok(200);
    let data = &page["events"][0]["data"];
    assert!(data["id"].is_string() && data["hash"].is_null(), "{page}");
}
