//! What stands around every route: sizes, slow bodies, panics, and what no route takes.

use std::any::Any;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::timeout::TimeoutBody;

use crate::error::{ApiError, Code};
use crate::limits::{BODY_SILENCE, MAX_BODY};
use crate::{body, e2b};

/// Refuses a body by its declared length. A client that asked whether to send it is told before it does.
pub(crate) async fn declared_length(request: Request, next: Next) -> Result<Response, ApiError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > MAX_BODY as u64) {
        return Err(body::too_large());
    }
    Ok(next.run(request).await)
}

/// Lets a body that streams through break off when it stands still.
pub(crate) async fn moving(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::new(TimeoutBody::new(BODY_SILENCE, body))))
        .await
}

/// For a request whose connection has come when there was no place for it.
pub(crate) fn full(request: &Request, connections: usize) -> Response {
    let message = format!("{connections} connections are open, which is all this gateway takes; try again");
    let refused = ApiError::new(Code::Unavailable, message).into_response();
    e2b::shape_of(request.uri().path(), refused)
}

/// For a path that no route has.
pub(crate) async fn no_route(method: Method, uri: Uri) -> ApiError {
    let message = format!(
        "there is no route {method} {}; /openapi.json lists them all",
        uri.path()
    );
    ApiError::new(Code::NotFound, message)
}

/// For a method that a route does not take.
pub(crate) async fn no_method(method: Method, uri: Uri) -> ApiError {
    let message = format!(
        "{} does not take {method}; the Allow header lists what it takes",
        uri.path()
    );
    ApiError::new(Code::MethodNotAllowed, message)
}

/// For a handler that panicked: its words go to our log, not to the client.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that CatchPanicLayer asks for"
)]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("not a text");
    tracing::error!(words, "a handler panicked");
    ApiError::new(
        Code::Internal,
        "the gateway met a fault of its own; its log has the details",
    )
    .into_response()
}
