//! The list: paging, filters, what it refuses.

use serde_json::{Value, json};

use crate::world::World;

fn ids(page: &Value) -> Vec<String> {
    let ids = page["sandboxes"].as_array().unwrap().iter();
    ids.map(|sandbox| sandbox["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.sandbox().await);
    }
    made.sort();
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    let mut pages = 0;
    loop {
        let page = world.get(&format!("/v1/sandboxes{query}")).send().await.ok(200);
        seen.extend(ids(&page));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!((seen, pages), (made, 3));
}

#[tokio::test]
async fn states_and_labels_filter() {
    let world = World::new().await;
    let make = async |metadata: Value| {
        let sandbox = world
            .create(&json!({"template": "base", "metadata": metadata}))
            .send()
            .await
            .ok(201);
        sandbox["id"].as_str().unwrap().to_owned()
    };
    let mine = make(json!({"owner": "me", "job": "1"})).await;
    let yours = make(json!({"owner": "you"})).await;
    let ended = make(json!({"owner": "me"})).await;
    world
        .delete(&format!("/v1/sandboxes/{ended}"))
        .send()
        .await
        .ok(204);
    let list = async |query: &str| {
        let mut found = ids(&world.get(&format!("/v1/sandboxes?{query}")).send().await.ok(200));
        found.sort();
        found
    };
    let sorted = |ids: &[&String]| {
        let mut ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(list("").await, sorted(&[&mine, &yours]));
    assert_eq!(list("state=stopped").await, sorted(&[&ended]));
    assert_eq!(
        list("state=running,stopped").await,
        sorted(&[&mine, &yours, &ended])
    );
    assert_eq!(list("metadata.owner=me").await, sorted(&[&mine]));
    assert_eq!(list("metadata.owner=me&metadata.job=1").await, sorted(&[&mine]));
    assert_eq!(list("metadata.owner=me&metadata.job=2").await, sorted(&[]));
    assert_eq!(list("metadata.owner=me&state=stopped").await, sorted(&[&ended]));
    assert_eq!(list("state=lost,failed").await, sorted(&[]));
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let world = World::new().await;
    for (query, named) in [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1001"),
        ("limit=x", "limit"),
        ("state=asleep", "asleep"),
        ("cursor=A.B", "next_cursor"),
        ("owner=me", "metadata.<key>"),
    ] {
        let answer = world.get(&format!("/v1/sandboxes?{query}")).send().await;
        let message = answer.error(400, "invalid_request");
        assert!(message.contains(named), "{query}: {message}");
    }
}
