//! The routes there are: an axum router lists none, so they are read from where it is made, and asked of it.

use std::collections::BTreeSet;

use axum::http::Method;

use super::{described, document};
use crate::world::World;

/// Where routes are made.
const SOURCES: [&str; 2] = [
    include_str!("../../../src/router.rs"),
    include_str!("../../../src/e2b.rs"),
];

/// Paths and methods, as the sources have them.
pub(super) fn routes() -> BTreeSet<(String, String)> {
    let calls = SOURCES.iter().flat_map(|source| source.split(".route(").skip(1));
    calls.flat_map(|rest| route(argument(rest))).collect()
}

/// What stands between the parenthesis that was opened just before `rest` and its end.
fn argument(rest: &str) -> &str {
    let mut open = 1;
    let end = rest.find(|letter| {
        open += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        open == 0
    });
    &rest[..end.expect("the source compiles")]
}

/// One route's path, with each of the methods that have a handler: `"/path", get(a).post(b)`.
fn route(call: &str) -> Vec<(String, String)> {
    let mut parts = call.splitn(3, '"');
    let (_, path, handlers) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
    let before_handlers: Vec<&str> = handlers.split('(').collect();
    let names = before_handlers[..before_handlers.len() - 1].iter().map(|text| {
        text.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .next()
            .unwrap()
    });
    names
        .map(|name| (path.to_owned(), name.trim_end_matches("_route").to_owned()))
        .collect()
}

#[tokio::test]
async fn every_path_takes_the_methods_that_are_described() {
    let document = document().await;
    let world = World::new().await;
    for (path, _) in described(&document) {
        let other = Method::from_bytes(b"PROPFIND").unwrap();
        let concrete = path.replace(['{', '}'], "");
        let answer = world.call(other, &concrete).send().await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("Allow").to_lowercase();
        let allowed: BTreeSet<_> = allowed.split(',').filter(|method| *method != "head").collect();
        let methods = document["paths"][path].as_object().unwrap();
        let methods: BTreeSet<_> = methods.keys().map(String::as_str).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}
