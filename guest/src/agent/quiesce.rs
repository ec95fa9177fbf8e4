//! `POST /quiesce`: the guest comes to rest, so that a snapshot can be taken of it.

use std::net::IpAddr;

use http::{Response, StatusCode};

use super::auth;
use super::http::{Body, empty, refusal};
use super::rest::Rest;

/// 204 once users' programs stand still and what they wrote is on the drive, also when they did before; 500 when they
/// could not be brought to that, and run on.
pub(super) async fn answer(peer: IpAddr, rest: &Rest) -> Response<Body> {
    if auth::is_inside(peer) {
        return refusal(
            StatusCode::FORBIDDEN,
            "only the host may bring the sandbox to rest",
        );
    }
    match rest.quiesce().await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
