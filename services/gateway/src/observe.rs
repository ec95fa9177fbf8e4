//! What is told of requests to those who look after a gateway: one span each, a line in the log, and figures.
//!
//! | figure | |
//! |---|---|
//! | `roost_http_requests_total` | requests to the APIs by `method`, `route` and `status` |
//! | `roost_http_request_seconds` | how long they took until the answer began, by `route` |
//! | `roost_denied_total` | those that were refused for who sent them, or how many, by `reason` |
//! | `roost_guest_requests_total` | requests to what runs in sandboxes, by `status` |

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use roost_schemas::trace::{self, TraceId, TraceParent};
use tokio::time::Instant;
use tracing::{Span, field, info_span};

/// The header of answers that names the trace to look for in the logs of all processes.
pub(crate) const TRACE: HeaderName = HeaderName::from_static("roost-trace");
/// The header of requests and answers alike that carries a trace on.
const PARENT: HeaderName = HeaderName::from_static(trace::HEADER);

/// The span that a request is answered in: a part of its client's trace, or the first of a new one.
pub(crate) fn span(request: &Request) -> Span {
    let parent = parent(request.headers());
    let root = parent.is_none().then(TraceId::random);
    info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        traceparent = parent.map(field::display),
        trace_root = root.map(field::display),
    )
}

/// Where the client is in its trace. One that says so twice is in none.
fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut given = headers.get_all(PARENT).iter();
    match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// Has the next process go on with this trace, whatever the client wrote.
pub(crate) fn pass_on(headers: &mut HeaderMap) {
    headers.remove(PARENT);
    let parent = roost_telemetry::trace::current().map(|parent| parent.to_string());
    if let Some(value) = parent.and_then(|parent| HeaderValue::try_from(parent).ok()) {
        headers.insert(PARENT, value);
    }
}

/// Counts a request to one of the APIs, and tells its client which trace it was.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let is_read = request.method().is_safe();
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let mut response = next.run(request).await;
    let (status, took) = (response.status(), began.elapsed());
    histogram!("roost_http_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    counter!("roost_http_requests_total", &labels).increment(1);
    if let Some(reason) = denial(status) {
        counter!("roost_denied_total", "reason" => reason).increment(1);
    }
    let (status, ms) = (status.as_u16(), took.as_millis());
    if is_read {
        tracing::debug!(status, ms, "answered");
    } else {
        tracing::info!(status, ms, "answered");
    }
    if let Some(parent) = roost_telemetry::trace::current()
        && let Ok(value) = HeaderValue::try_from(parent.trace.to_string())
    {
        response.headers_mut().insert(TRACE, value);
    }
    response
}

/// Counts a request to what runs in a sandbox.
pub(crate) fn count_guest(status: StatusCode) {
    counter!("roost_guest_requests_total", "status" => status.as_str().to_owned()).increment(1);
}

/// Why a request was refused, if it was because of who sent it.
fn denial(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("key"),
        StatusCode::FORBIDDEN => Some("scope"),
        StatusCode::TOO_MANY_REQUESTS => Some("limit"),
        _ => None,
    }
}

/// The method as a label: a client may invent some.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_client_is_in_the_trace_that_it_names_once() {
        let of = |values: &[&'static str]| {
            let all = values
                .iter()
                .map(|value| (PARENT, HeaderValue::from_static(value)));
            parent(&all.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            }))
        };
        assert_eq!(
            of(&[GIVEN]).map(|parent| parent.to_string()).as_deref(),
            Some(GIVEN)
        );
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["nonsense"]), None);
        assert_eq!(of(&[GIVEN, GIVEN]), None);
    }

    #[test]
    fn outside_of_any_trace_a_clients_word_does_not_pass_either() {
        let mut headers = HeaderMap::from_iter([(PARENT, HeaderValue::from_static(GIVEN))]);
        pass_on(&mut headers);
        assert!(headers.is_empty());
    }
}
