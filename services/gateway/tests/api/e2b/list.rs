//! The list: order, paging, filters, what it refuses.

use serde_json::{Value, json};

use super::{create, sandbox};
use crate::client::Answer;
use crate::world::World;

fn ids(list: &Value) -> Vec<String> {
    let ids = list.as_array().unwrap().iter();
    ids.map(|sandbox| sandbox["sandboxID"].as_str().unwrap().to_owned())
        .collect()
}

async fn list(world: &World, query: &str) -> Answer {
    let answer = world.get(&format!("/v2/sandboxes?{query}")).send().await;
    answer.ok(200);
    answer
}

/// Encodes every character but letters, as often as `layers` says.
fn encoded(text: &str, layers: usize) -> String {
    let once = |text: String| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    (0..layers).fold(text.to_owned(), |text, _| once(text))
}

/// A query's value as SDKs send it: key and value twice, then the whole once more.
fn metadata(key: &str, value: &str) -> String {
    let pair = format!("{}={}", encoded(key, 2), encoded(value, 2));
    format!("metadata={}", encoded(&pair, 1))
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_oldest_first() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(sandbox(&world).await);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    for order in ["asc", "desc"] {
        let (mut seen, mut pages, mut token) = (Vec::new(), 0, String::new());
        loop {
            let page = list(&world, &format!("limit=2&order={order}&nextToken={token}")).await;
            assert_eq!(page.header("X-Total-Running"), "5");
            seen.extend(ids(&page.json()));
            pages += 1;
            page.header("X-Next-Token").clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        let mut wanted = made.clone();
        if order == "desc" {
            wanted.reverse();
        }
        assert_eq!((seen, pages), (wanted, 3), "{order}");
    }
    let first = list(&world, "").await;
    assert_eq!(
        ids(&first.json())[0],
        made[4],
        "newest first unless asked otherwise"
    );
    let token = list(&world, "limit=1&order=asc")
        .await
        .header("X-Next-Token")
        .to_owned();
    let other = world
        .get(&format!("/v2/sandboxes?nextToken={token}"))
        .send()
        .await;
    assert!(other.refused(400).contains("other order"));
    // A page that ends where the list does leads nowhere.
    assert_eq!(list(&world, "limit=5").await.header("X-Next-Token"), "");
}

#[tokio::test]
async fn filters_find_what_was_meant() {
    let world = World::new().await;
    let make = async |labels: Value| {
        let made = create(&world, &json!({"metadata": labels})).await;
        made["sandboxID"].as_str().unwrap().to_owned()
    };
    let odd = make(json!({"a b&c=d": "100% é+/?#", "empty": ""})).await;
    let plain = make(json!({"owner": "me", "job": "1"})).await;
    let found = async |query: String| {
        let mut found = ids(&list(&world, &query).await.json());
        found.sort();
        found
    };
    let mut both = vec![odd.clone(), plain.clone()];
    both.sort();
    assert_eq!(found(metadata("a b&c=d", "100% é+/?#")).await, vec![odd.clone()]);
    assert_eq!(found(metadata("empty", "")).await, vec![odd.clone()]);
    assert_eq!(
        found("metadata=owner%3Dme%26job%3D1".into()).await,
        vec![plain.clone()]
    );
    assert!(found("metadata=owner%3Dme%26job%3D2".into()).await.is_empty());
    assert_eq!(found("metadata=".into()).await, both);
    assert_eq!(found("state=running".into()).await, both);
    assert_eq!(found("state=running,paused".into()).await, both);
    assert_eq!(found("state=paused&state=running".into()).await, both);
    assert!(found("state=paused".into()).await.is_empty());
    assert_eq!(list(&world, "state=paused").await.header("X-Total-Running"), "");
    assert_eq!(found("template=base".into()).await, both);
    assert!(found("template=other".into()).await.is_empty());
    assert_eq!(
        found("startedAfter=2020-01-01T00:00:00%2B02:00".into()).await,
        both
    );
    assert!(found("startedAfter=2100-01-01T00:00:00Z".into()).await.is_empty());
    assert_eq!(found("somethingNew=1".into()).await, both);

    let v1 = world
        .get(&format!("/sandboxes?{}", metadata("owner", "me")))
        .send()
        .await;
    assert_eq!(ids(&v1.ok(200)), vec![plain.clone()]);
    assert_eq!(v1.header("X-Next-Token"), "");
    world.delete(&format!("/sandboxes/{plain}")).send().await.ok(204);
    assert_eq!(found(String::new()).await, vec![odd.clone()]);
    assert_eq!(ids(&world.get("/sandboxes").send().await.ok(200)), [odd]);
}

#[tokio::test]
async fn a_sandbox_that_does_not_run_yet_is_not_listed() {
    let world = World::with(roost_gateway::Limits {
        create: std::time::Duration::from_millis(100),
        ..crate::world::limits()
    })
    .await;
    let body = json!({"templateID": "base", "metadata": {"script": "hangs"}});
    world.post("/v2/sandboxes", &body).send().await.refused(504);
    assert_eq!(list(&world, "").await.json(), json!([]));
    let native = world.get("/v1/sandboxes").send().await.ok(200);
    let id = native["sandboxes"][0]["id"].as_str().unwrap();
    world.get(&format!("/sandboxes/{id}")).send().await.refused(409);
    world.delete(&format!("/sandboxes/{id}")).send().await.ok(204);
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let world = World::new().await;
    for (query, named) in [
        ("limit=0", "1 to 100"),
        ("limit=101", "101"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("state=asleep", "asleep"),
        ("state=", "state"),
        ("order=up", "asc or desc"),
        ("startedAfter=yesterday", "yesterday"),
        ("template=No%20Good", "No Good"),
        ("nextToken=nonsense", "X-Next-Token"),
        ("nextToken=%00", "X-Next-Token"),
        ("metadata=k%3D%2525FF", "percent-encoded"),
    ] {
        let message = world
            .get(&format!("/v2/sandboxes?{query}"))
            .send()
            .await
            .refused(400);
        assert!(message.contains(named), "{query}: {message}");
    }
    // A percent sign that encodes nothing stands for itself.
    list(&world, "metadata=k%3D100%25").await;
}
