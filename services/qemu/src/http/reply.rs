//! From an outcome to a response: 200 with a document, 204, or 400 or 413 with a fault message.

use crate::machine::Fault;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
};
use roost_engine::api;
use serde::Serialize;

/// The response to a request that was carried out or refused.
pub(super) fn response(outcome: Result<Option<serde_json::Value>, Fault>) -> Response<Full<Bytes>> {
    match outcome {
        Ok(None) => with_status(StatusCode::NO_CONTENT, Bytes::new()),
        Ok(Some(document)) => json(StatusCode::OK, &document),
        Err(fault) => json(
            status(&fault),
            &api::Fault {
                fault_message: fault.to_string(),
            },
        ),
    }
}

fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::MmdsTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The response to a request whose body was not read to its end, so that the connection cannot be used again.
pub(super) fn last_response(fault: Fault) -> Response<Full<Bytes>> {
    let mut response = response(Err(fault));
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn json(status: StatusCode, document: &impl Serialize) -> Response<Full<Bytes>> {
    let mut response = with_status(status, serde_json::to_vec(document).unwrap_or_default().into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn with_status(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}
