//! Pages of events.

use serde_json::{Value, json};

use super::reader::{Writer, whole};
use crate::world::World;

#[tokio::test]
async fn pages_join_without_a_gap() {
    let world = World::new().await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    let first = writer.write(1).await;
    let last = writer.write(700).await;
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/v1/events?sandbox=s1&after={after}&limit=99");
        let page = world.get(&path).send().await.ok(200);
        let events = page["events"].as_array().unwrap().clone();
        assert!(events.len() <= 100, "{}", events.len());
        read.extend(events);
        after = page["next_after"].as_u64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(whole(&read), (first..=last).collect::<Vec<_>>());
    assert_eq!(after, last);
}

#[tokio::test]
async fn a_page_of_a_log_that_has_little_of_it_ends() {
    let world = World::new().await;
    let id = world.sandbox().await;
    Writer::new(&world.ports, "default", "s1").write(10_000).await;
    let running = world.get("/v1/events?type=running,lost").send().await.ok(200);
    let [event] = &running["events"].as_array().unwrap()[..] else {
        panic!("{running}")
    };
    let subject = event["subject"].as_str().unwrap();
    assert!(subject.ends_with(&id) && event["more"] == Value::Null);
    // It may not have looked through everything, and says so.
    let (mut after, mut more) = (running["next_after"].as_u64().unwrap(), running["more"].clone());
    while more == json!(true) {
        let path = format!("/v1/events?type=running,lost&after={after}");
        let page = world.get(&path).send().await.ok(200);
        assert!(page["events"] == json!([]) && page["next_after"].as_u64() > Some(after));
        (after, more) = (page["next_after"].as_u64().unwrap(), page["more"].clone());
    }
}
