//! Network settings of a sandbox that runs.

use axum::http::Method;
use serde_json::{Value, json};

use super::create;
use crate::world::World;

#[tokio::test]
async fn an_update_replaces_what_may_be_reached_and_nothing_else() {
    let world = World::new().await;
    let asked = json!({"network": {
        "allowPublicTraffic": false, "denyOut": ["9.9.9.9"], "maskRequestHost": "a.example",
    }});
    let id = create(&world, &asked).await["sandboxID"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/sandboxes/{id}");
    let put = async |body: Value| {
        let call = world.call(Method::PUT, &format!("{path}/network")).json(&body);
        call.send().await.ok(204);
        let detail = world.get(&path).send().await.ok(200);
        (detail["allowInternetAccess"].clone(), detail["network"].clone())
    };
    let network = |allow: Value, deny: Value| {
        json!({
            "allowPublicTraffic": false, "allowOut": allow, "denyOut": deny, "maskRequestHost": "a.example",
        })
    };
    let update = json!({"allowOut": ["1.1.1.1"], "denyOut": ["0.0.0.0/0"], "allow_internet_access": false});
    let wanted = network(json!(["1.1.1.1/32"]), json!(["0.0.0.0/0"]));
    assert_eq!(put(update.clone()).await, (json!(false), wanted.clone()));
    assert_eq!(
        put(update).await,
        (json!(false), wanted),
        "the same again changes nothing"
    );
    assert_eq!(
        put(json!({"allowOut": ["example.com", "*.Example.net", "1.1.1.1"], "denyOut": ["0.0.0.0/0"]})).await,
        (
            json!(true),
            network(
                json!(["example.com", "*.example.net", "1.1.1.1/32"]),
                json!(["0.0.0.0/0"])
            )
        ),
    );
    assert_eq!(
        put(json!({})).await,
        (json!(true), network(json!([]), json!([]))),
        "absent is cleared"
    );
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let id = create(&world, &json!({})).await["sandboxID"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    let too_many: Vec<_> = (0..257).map(|n| format!("1.1.{}.{}", n / 256, n % 256)).collect();
    for (body, named) in [
        (json!({"allowOut": ["example.com"]}), "example.com"),
        (json!({"allowOut": ["http://example.com"]}), "http://example.com"),
        (json!({"denyOut": ["example.com"]}), "domains can only be allowed"),
        (json!({"denyOut": ["1.2.3.4/33"]}), "1.2.3.4/33"),
        (json!({"allowOut": "1.1.1.1"}), "sequence"),
        (json!({"allowOut": [1]}), "string"),
        (json!({"egressProxy": {"address": "p:1080"}}), "egressProxy"),
        (json!({"rules": {"api.example.com": []}}), "rules"),
        (json!({"denyOut": too_many}), "256"),
    ] {
        let call = world
            .call(Method::PUT, &format!("/sandboxes/{id}/network"))
            .json(&body);
        let message = call.send().await.refused(400);
        assert!(message.contains(named), "{body}: {message}");
    }
    assert_eq!(
        world.get(&format!("/sandboxes/{id}")).send().await.ok(200),
        before
    );
}
