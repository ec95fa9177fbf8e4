//! Errors as E2B's clients read them: `{"code":404,"message":"…"}`, whatever part of the gateway they come from.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use super::errors::Failure;
use crate::error::ApiError;

/// The first segment of E2B's paths, after a version's segment if there is one.
const OWNED: [&str; 11] = [
    "access-tokens",
    "admin",
    "api-keys",
    "events",
    "nodes",
    "sandboxes",
    "secrets",
    "snapshots",
    "teams",
    "templates",
    "volumes",
];
/// The versions of E2B's API that share a path with none of Roost's own.
const VERSIONS: [&str; 2] = ["v2", "v3"];

/// Whether `path` is one of E2B's API, known here or not.
fn owns(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let first = if VERSIONS.contains(&first) {
        segments.next().unwrap_or_default()
    } else {
        first
    };
    OWNED.contains(&first)
}

/// Gives the errors of E2B's routes E2B's shape.
pub(crate) async fn shape(request: Request, next: Next) -> Response {
    let owned = owns(request.uri().path());
    shaped(owned, next.run(request).await)
}

/// An answer to a request for `path` that no route was asked for.
pub(crate) fn shape_of(path: &str, response: Response) -> Response {
    shaped(owns(path), response)
}

/// Status and headers stay.
fn shaped(owned: bool, mut response: Response) -> Response {
    // What a guest answers on such a path is none of ours.
    let ours = response.extensions_mut().remove::<ApiError>();
    let Some(error) = ours.filter(|_| owned) else {
        return response;
    };
    let (mut parts, _) = response.into_parts();
    let body = json!(Failure::from(error)).to_string();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apis_are_told_apart_by_their_paths() {
        for path in [
            "/sandboxes",
            "/sandboxes/",
            "/sandboxes/x/y/z",
            "/v2/sandboxes",
            "/v3/templates",
            "/admin/x",
        ] {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/v1/sandboxes",
            "/health",
            "/v2",
            "/sandboxesx",
            "/v1/events",
            "//sandboxes",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
