//! Each route on a good day.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_sandbox_lives_from_its_create_to_its_delete() {
    let world = World::new().await;
    let request = json!({
        "template": "base", "vcpus": 2, "memory_mb": 256, "timeout_sec": 60, "on_timeout": "kill",
        "metadata": {"owner": "me"}, "env": {"SECRET": "s"}
    });
    let created = world.create(&request).send().await;
    let sandbox = created.ok(201);
    let id = sandbox["id"].as_str().unwrap();
    let path = format!("/v1/sandboxes/{id}");
    assert_eq!(created.header("Location"), path);
    assert_eq!(created.sequence(), sandbox["sequence"].as_u64().unwrap());
    assert!(!created.header("Idempotency-Key").is_empty());
    for (field, value) in [
        ("state", json!("running")),
        ("template", json!("base")),
        ("vcpus", json!(2)),
        ("memory_mb", json!(256)),
        ("timeout_sec", json!(60)),
        ("on_timeout", json!("kill")),
        ("metadata", json!({"owner": "me"})),
        ("host", json!("h1")),
        ("generation", json!(1)),
        ("engine", json!("qemu 7.2")),
        ("boot_ms", json!(5)),
        ("processes", json!(0)),
        ("cause", Value::Null),
    ] {
        assert_eq!(sandbox[field], value, "{field}");
    }
    assert!(!created.text().contains("SECRET"));

    let got = world.get(&path).send().await;
    assert_eq!(got.ok(200), sandbox);
    assert!(got.sequence() >= created.sequence());

    let moved = world
        .post(&format!("{path}/timeout"), &json!({"timeout_sec": 1000}))
        .send()
        .await;
    assert_ne!(moved.ok(200)["expires_at"], sandbox["expires_at"]);
    assert!(moved.sequence() > created.sequence());

    let deleted = world.delete(&path).send().await;
    deleted.ok(204);
    let ended = world.get(&path).send().await.ok(200);
    assert_eq!(
        (&ended["state"], &ended["stop_reason"]),
        (&json!("stopped"), &json!("requested"))
    );
    assert_eq!(ended["sequence"], deleted.sequence());

    let again = world.delete(&path).send().await;
    again.ok(204);
    assert_eq!(again.sequence(), deleted.sequence());
}

#[tokio::test]
async fn what_is_absent_comes_from_the_template() {
    let world = World::new().await;
    let sandbox = world.create(&json!({"template": "base"})).send().await.ok(201);
    assert_eq!(
        (&sandbox["vcpus"], &sandbox["memory_mb"]),
        (&json!(1), &json!(128))
    );
    assert_eq!(sandbox["timeout_sec"], 300);
}

#[tokio::test]
async fn a_program_s_output_is_told() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let request = json!({"cmd": "echo", "args": ["a", "ü"], "cwd": "/", "env": {"A": "b"}, "user": "u", "timeout_sec": 5});
    let answer = world
        .post(&format!("/v1/sandboxes/{id}/exec"), &request)
        .send()
        .await;
    let result = answer.ok(200);
    assert_eq!(result["stdout"], "a ü");
    assert_eq!(result["sandbox_id"], id);
    assert_eq!(result["cmd"], "echo");
    assert_eq!(result["encoding"], "utf-8");
    assert_eq!(
        (&result["exit_code"], &result["signal"], &result["timed_out"]),
        (&json!(0), &Value::Null, &json!(false))
    );
    assert_eq!(
        (&result["truncated"], &result["stdout_bytes"]),
        (&json!(false), &json!(4))
    );
    assert_eq!(result["duration_ms"], 7);
    assert!(answer.sequence() > 0);
    assert_eq!(answer.header("Content-Length"), answer.body.len().to_string());
}

#[tokio::test]
async fn events_come_from_the_log_page_by_page() {
    let world = World::new().await;
    let id = world.sandbox().await;
    world.exec(&id, "echo").await.ok(200);
    let path = format!("/v1/sandboxes/{id}/events");
    let all = world.get(&path).send().await.ok(200);
    let types: Vec<_> = all["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "requested",
            "placed",
            "starting",
            "running",
            "process_started",
            "process_exited"
        ]
    );
    assert_eq!(
        all["events"][0]["subject"],
        format!("roost.evt.default.sandbox.{id}")
    );
    assert_eq!(all["events"][1]["data"]["host"], "h1");
    assert_eq!(
        all["events"][0]["sequence"], all["events"][1]["sequence"],
        "one decision"
    );
    assert!(all["events"][0]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all["more"], false);

    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = world
            .get(&format!("{path}?limit=1&after={after}"))
            .send()
            .await
            .ok(200);
        read.extend(page["events"].as_array().unwrap().clone());
        after = page["next_after"].as_u64().unwrap();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(Value::from(read), all["events"]);
    let nothing = world.get(&format!("{path}?after={after}")).send().await.ok(200);
    assert_eq!(
        (&nothing["events"], &nothing["next_after"]),
        (&json!([]), &json!(after))
    );
    let beyond = world.get(&format!("{path}?after={}", after + 1)).send().await;
    beyond.error(409, "sequence_ahead");
}

#[tokio::test]
async fn templates_and_hosts_are_listed() {
    let world = World::new().await;
    world.sandbox().await;
    let templates = world.get("/v1/templates").send().await.ok(200);
    assert_eq!(templates["templates"][0]["name"], "base");
    assert_eq!(templates["templates"][0]["memory_mb"], 128);
    let hosts = world.get("/v1/hosts").send().await.ok(200);
    assert_eq!(hosts["hosts"][0]["id"], "h1");
    assert_eq!(hosts["hosts"][0]["taking"], true);
    assert_eq!(
        hosts["hosts"][0]["used"],
        json!({"vcpus": 1, "memory_mb": 128, "sandboxes": 1})
    );
    assert_eq!(hosts["hosts"][0]["capacity"]["memory_mb"], 8192);
}
