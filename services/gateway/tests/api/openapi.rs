//! The description: whole, valid in its references, and true to the routes.

mod e2b;
mod router;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::World;

/// What goes through the log, or needs no key.
const ROUTES: &[(&str, &str)] = &[
    ("/v1/sandboxes", "post"),
    ("/v1/sandboxes", "get"),
    ("/v1/sandboxes/{id}", "get"),
    ("/v1/sandboxes/{id}", "delete"),
    ("/v1/sandboxes/{id}/pause", "post"),
    ("/v1/sandboxes/{id}/resume", "post"),
    ("/v1/sandboxes/{id}/fork", "post"),
    ("/v1/sandboxes/{id}/timeout", "post"),
    ("/v1/sandboxes/{id}/network", "put"),
    ("/v1/sandboxes/{id}/exec", "post"),
    ("/v1/events", "get"),
    ("/v1/sandboxes/{id}/events", "get"),
    ("/v1/snapshots", "post"),
    ("/v1/snapshots", "get"),
    ("/v1/snapshots/{name}", "delete"),
    ("/v1/templates", "get"),
    ("/v1/hosts", "get"),
    ("/v1/keys", "get"),
    ("/v1/keys", "post"),
    ("/v1/keys/{key}", "delete"),
    ("/v1/tenants", "get"),
    ("/v1/tenants", "post"),
    ("/v1/tenants/{tenant}", "get"),
    ("/v1/tenants/{tenant}/limits", "put"),
    ("/v1/webhooks", "get"),
    ("/v1/webhooks", "post"),
    ("/v1/webhooks/{webhook}", "get"),
    ("/v1/webhooks/{webhook}", "delete"),
    ("/v1/webhooks/{webhook}/secret", "get"),
    ("/v1/webhooks/{webhook}/dead-letters", "get"),
    ("/v1/webhooks/{webhook}/dead-letters/{sequence}/redeliver", "post"),
    ("/v1/log", "get"),
    ("/health", "get"),
    ("/openapi.json", "get"),
    ("/docs", "get"),
    ("/docs/{file}", "get"),
];

/// What tells of the gateway itself: with a key, but without a place in the log.
const OWN_ROUTES: &[(&str, &str)] = &[("/metrics", "get")];

/// What goes straight to a sandbox's agent, so that the log has no place for it.
const GUEST_ROUTES: &[(&str, &str)] = &[
    ("/v1/sandboxes/{id}/exec/stream", "get"),
    ("/v1/sandboxes/{id}/processes", "get"),
    ("/v1/sandboxes/{id}/processes/{process}/signal", "post"),
    ("/v1/sandboxes/{id}/processes/{process}/stdin", "post"),
    ("/v1/sandboxes/{id}/files/write", "post"),
    ("/v1/sandboxes/{id}/files/read", "post"),
    ("/v1/sandboxes/{id}/files/stream/write", "post"),
    ("/v1/sandboxes/{id}/files/stream/read", "get"),
    ("/v1/sandboxes/{id}/files/list", "post"),
    ("/v1/sandboxes/{id}/files/stat", "post"),
    ("/v1/sandboxes/{id}/files/mkdir", "post"),
    ("/v1/sandboxes/{id}/files/move", "post"),
    ("/v1/sandboxes/{id}/files/remove", "post"),
];

async fn document() -> Value {
    let world = World::new().await;
    world
        .get("/openapi.json")
        .without("X-API-Key")
        .send()
        .await
        .ok(200)
}

/// What is described: paths and methods.
fn described(document: &Value) -> BTreeSet<(&str, &str)> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        all.extend(methods.map(|method| (path.as_str(), method.as_str())));
    }
    all
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let routes = router::routes();
    let all: BTreeSet<_> = routes
        .iter()
        .map(|(path, method)| (path.as_str(), method.as_str()))
        .collect();
    assert!(all.len() > 70, "{all:?}");
    let described = described(&document);
    assert_eq!(described, all);
    let ids: BTreeSet<_> = described
        .iter()
        .map(|(path, method)| document["paths"][path][method]["operationId"].to_string())
        .collect();
    assert_eq!(ids.len(), all.len(), "operation ids are unique");
    // Each of them is held to what its kind promises, below.
    let known = [ROUTES, GUEST_ROUTES, OWN_ROUTES].concat();
    let known: BTreeSet<_> = known.into_iter().chain(e2b::routes(&document)).collect();
    assert_eq!(described, known);
}

#[tokio::test]
async fn every_route_tells_its_failures_and_headers() {
    let document = document().await;
    for (path, method) in ROUTES.iter().copied() {
        let operation = &document["paths"][path][method];
        let responses = operation["responses"].as_object().unwrap();
        let keyed = path.starts_with("/v1/");
        let mut wanted = vec!["405", "413", "500"];
        wanted.extend(if keyed { &["400", "401", "503"][..] } else { &[] });
        wanted.extend(if keyed && method != "get" {
            &["404", "409", "429", "504"][..]
        } else {
            &[]
        });
        // A pause has no body, nor has what is asked again.
        let body =
            matches!(method, "post" | "put") && !path.ends_with("/pause") && !path.ends_with("/redeliver");
        wanted.extend(if body { &["415"][..] } else { &[] });
        for status in wanted {
            let body = &responses[status]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(body, "#/components/schemas/ErrorBody", "{method} {path} {status}");
        }
        for status in ["429", "503"] {
            let told = keyed && responses.contains_key(status);
            assert_eq!(
                !responses.get(status).unwrap_or(&Value::Null)["headers"]["Retry-After"].is_null(),
                told
            );
        }
        let success = responses
            .iter()
            .find(|(status, _)| status.starts_with('2'))
            .unwrap()
            .1;
        assert_eq!(
            !success["headers"]["Roost-Sequence"].is_null(),
            keyed,
            "{method} {path}"
        );
        let header = if method == "get" {
            "Roost-Min-Sequence"
        } else {
            "Idempotency-Key"
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        assert_eq!(
            parameters.filter(|parameter| parameter["name"] == header).count(),
            usize::from(keyed)
        );
        assert_eq!(
            operation["security"].is_null(),
            keyed,
            "only what needs no key says so"
        );
    }
    assert_eq!(document["security"], json!([{"api_key": []}, {"bearer": []}]));
}

#[tokio::test]
async fn what_goes_past_the_log_tells_its_failures_and_promises_no_place_in_it() {
    let document = document().await;
    for (path, method) in GUEST_ROUTES.iter().copied() {
        let operation = &document["paths"][path][method];
        let responses = operation["responses"].as_object().unwrap();
        let socket = path.ends_with("/exec/stream");
        let mut wanted = vec!["400", "401", "404", "405", "413", "429", "500", "503"];
        wanted.extend(if socket {
            &[][..]
        } else {
            &["403", "409", "502", "504"]
        });
        wanted.extend(if path.contains("/files/") {
            &["416", "507"][..]
        } else {
            &[]
        });
        for status in wanted {
            let body = &responses[status]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(body, "#/components/schemas/ErrorBody", "{method} {path} {status}");
        }
        let log = ["Roost-Sequence", "Roost-Min-Sequence", "Idempotency-Key"];
        let text = operation.to_string();
        assert!(
            log.iter().all(|header| !text.contains(&format!("\"{header}\""))),
            "{path}"
        );
        assert!(
            !responses.keys().all(|status| status.starts_with(['4', '5'])),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_page_is_whole_without_any_other_server() {
    let world = World::new().await;
    let page = world.get("/docs").without("X-API-Key").send().await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    let text = String::from_utf8(page.body).unwrap();
    let parts: Vec<_> = text
        .split(['"', '\''])
        .filter(|word| word.starts_with("/docs/"))
        .collect();
    assert!(parts.len() >= 5 && !text.contains("//"), "{text}");
    for part in parts {
        let part = world.get(part).without("X-API-Key").send().await;
        assert!(part.status == 200 && !part.body.is_empty());
    }
    let set = world.get("/docs/swagger-initializer.js").send().await;
    assert!(String::from_utf8_lossy(&set.body).contains("/openapi.json"));
    assert_eq!(world.get("/docs/../secret").send().await.status, 404);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn what_is_answered_has_the_fields_that_are_described() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}");
    let saved = world.post("/v1/snapshots", &json!({"sandbox_id": id}));
    let saved = saved.send().await.ok(201);
    let forked = world.call(axum::http::Method::POST, &format!("{path}/fork"));
    let forked = forked.send().await.ok(201);
    let document = document().await;
    for (schema, value) in [
        ("Sandbox", world.get(&path).send().await.ok(200)),
        (
            "SandboxPage",
            world.get("/v1/sandboxes?limit=1").send().await.ok(200),
        ),
        ("ExecResult", world.exec(&id, "echo").await.ok(200)),
        (
            "EventPage",
            world.get(&format!("{path}/events")).send().await.ok(200),
        ),
        (
            "Event",
            world.get(&format!("{path}/events")).send().await.ok(200)["events"][0].clone(),
        ),
        (
            "Template",
            world.get("/v1/templates").send().await.ok(200)["templates"][0].clone(),
        ),
        ("Snapshot", saved),
        ("ForkResult", forked),
        ("Snapshots", world.get("/v1/snapshots").send().await.ok(200)),
        (
            "Host",
            world.get("/v1/hosts").send().await.ok(200)["hosts"][0].clone(),
        ),
        ("Log", world.get("/v1/log").send().await.ok(200)),
        ("Health", world.get("/health").send().await.ok(200)),
        ("ErrorBody", world.get("/v1/sandboxes/nosuch").send().await.json()),
    ] {
        let described = &document["components"]["schemas"][schema];
        for field in value.as_object().unwrap().keys() {
            assert!(
                !described["properties"][field].is_null(),
                "{schema} does not describe {field}"
            );
        }
        for field in described["required"].as_array().unwrap() {
            assert!(
                value.get(field.as_str().unwrap()).is_some(),
                "{schema} promises {field}"
            );
        }
    }
}
