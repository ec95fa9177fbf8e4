//! `Connect`: following a process that was started by another call.

use connectrpc::{RequestContext, Response, ServiceResult, ServiceStream};
use roost_schemas::envd::process::{ConnectRequest, ConnectResponse};

use super::events::Following;
use super::registry::Registry;
use crate::agent::keepalive;

/// Replays what is held of the output, and goes on from there. The call's deadline is its own, not the process's.
pub(super) fn answer(
    registry: &Registry,
    context: &RequestContext,
    request: &ConnectRequest,
) -> ServiceResult<ServiceStream<ConnectResponse>> {
    let (pid, feed) = registry.find_feed(&request.process)?;
    let following = Following {
        pid,
        reader: feed.read()?,
        keepalive: keepalive::interval(context.headers()),
        until: context.deadline(),
    };
    Ok(Response::new(following.stream()))
}
