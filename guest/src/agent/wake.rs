//! `POST /wake`: users' programs run on after a snapshot was taken, or was not.

use std::net::IpAddr;

use http::{Response, StatusCode};

use super::auth;
use super::http::{Body, empty, refusal};
use super::rest::Rest;

/// 204 once they run, also when they did before.
pub(super) async fn answer(peer: IpAddr, rest: &Rest) -> Response<Body> {
    if auth::is_inside(peer) {
        return refusal(StatusCode::FORBIDDEN, "only the host may wake the sandbox");
    }
    match rest.wake().await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
