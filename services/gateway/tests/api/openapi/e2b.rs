//! What is told of E2B's routes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{described, document};
use crate::e2b::{create, owns};
use crate::world::World;

/// Those of E2B's API.
pub(super) fn routes(document: &Value) -> Vec<(&str, &str)> {
    let all = described(document).into_iter();
    all.filter(|(path, _)| owns(path)).collect()
}

#[tokio::test]
async fn every_route_tells_its_failures_in_e2bs_shape() {
    let document = document().await;
    let routes = routes(&document);
    assert_eq!(routes.len(), 22);
    for (path, method) in routes {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["tags"], json!(["E2B"]), "{method} {path}");
        assert!(operation["security"].is_null(), "{method} {path} needs the key");
        let responses = operation["responses"].as_object().unwrap();
        let mut wanted = vec!["400", "401", "403", "405", "413", "429", "500", "503"];
        wanted.extend(if path.contains('{') {
            &["404", "409"][..]
        } else {
            &[]
        });
        wanted.extend(if method == "get" {
            &[][..]
        } else {
            &["404", "409", "504"]
        });
        wanted.extend(if operation["requestBody"].is_null() {
            &[][..]
        } else {
            &["408", "415"]
        });
        for status in wanted {
            let body = &responses[status]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(body, "#/components/schemas/E2bError", "{method} {path} {status}");
        }
        for status in ["429", "503"] {
            assert!(
                responses[status]["headers"]["Retry-After"].is_object(),
                "{method} {path} {status}"
            );
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let keys = parameters
            .filter(|parameter| parameter["name"] == "Idempotency-Key")
            .count();
        assert_eq!(keys, usize::from(method != "get"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_sandbox_that_was_made_leads_to_all_that_can_be_done_with_it() {
    let document = document().await;
    let of_one = routes(&document)
        .into_iter()
        .filter(|(path, _)| path.contains("{id}"));
    let wanted: BTreeSet<_> = of_one
        .map(|(path, method)| document["paths"][path][method]["operationId"].as_str().unwrap())
        .collect();
    for path in ["/sandboxes", "/v2/sandboxes"] {
        let links = document["paths"][path]["post"]["responses"]["201"]["links"]
            .as_object()
            .unwrap();
        let linked: BTreeSet<_> = links
            .values()
            .map(|link| link["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(linked, wanted);
    }
}

/// The fields of a schema, and those that are always there, with those of what it includes.
fn fields(document: &Value, schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fields(document, document.pointer(&reference[1..]).unwrap());
    }
    let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<BTreeSet<_>>();
    let properties = schema["properties"].as_object();
    let mut all = names(
        &mut properties
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str)),
    );
    let mut required = names(
        &mut schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str),
    );
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, needed) = fields(document, part);
        all.extend(more);
        required.extend(needed);
    }
    (all, required)
}

#[tokio::test]
async fn what_is_answered_has_the_fields_that_are_described() {
    let world = World::new().await;
    let made = create(&world, &json!({"network": {"allowPublicTraffic": false}})).await;
    let id = made["sandboxID"].as_str().unwrap().to_owned();
    let got = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    let listed = world.get("/v2/sandboxes").send().await.ok(200)[0].clone();
    let saved = world.post(&format!("/sandboxes/{id}/snapshots"), &json!({}));
    let template = world.get("/v2/templates").send().await.ok(200)[0].clone();
    let alias = world.get("/templates/aliases/base").send().await.ok(200);
    let document = document().await;
    for (schema, value) in [
        ("E2bSandbox", made),
        ("E2bNetwork", got["network"].clone()),
        ("E2bLifecycle", got["lifecycle"].clone()),
        ("E2bSandboxDetail", got),
        ("E2bListedSandbox", listed),
        ("E2bSnapshot", saved.send().await.ok(201)),
        ("E2bTemplate", template),
        ("E2bTemplateAlias", alias),
        ("E2bError", world.get("/sandboxes/nosuch").send().await.json()),
    ] {
        let (all, required) = fields(&document, &document["components"]["schemas"][schema]);
        let told: BTreeSet<_> = value.as_object().unwrap().keys().cloned().collect();
        assert!(
            told.is_subset(&all),
            "{schema} does not describe {:?}",
            &told - &all
        );
        assert!(
            required.is_subset(&told),
            "{schema} promises {:?}",
            &required - &told
        );
    }
}
