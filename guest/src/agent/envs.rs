//! `GET /envs`: the variables that every process of the sandbox gets.

use http::{HeaderValue, Response, header};
use http_body_util::Full;

use super::http::{Body, boxed};
use super::settings::Store;

/// A JSON map. It may hold secrets, so nobody on the way is to keep it.
pub(super) fn answer(store: &Store) -> Response<Body> {
    // A map of strings always serializes.
    let text = serde_json::to_vec(&store.current().env).unwrap_or_default();
    let mut response = Response::new(boxed(Full::from(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
