//! `Update`: a terminal changes its size.

use connectrpc::{ConnectError, Response, ServiceResult};
use roost_schemas::envd::process::{UpdateRequest, UpdateResponse};

use super::registry::Registry;
use super::terminal::Size;

/// Resizes; the programs in the terminal's foreground learn of it by SIGWINCH.
pub(super) fn answer(registry: &Registry, request: &UpdateRequest) -> ServiceResult<UpdateResponse> {
    let process = registry.find(&request.process)?;
    let Some(pty) = request.pty.as_option() else {
        return Err(ConnectError::invalid_argument(
            "nothing to update: set `pty.size`",
        ));
    };
    let size = Size::of(pty).map_err(|error| ConnectError::invalid_argument(error.to_string()))?;
    process.input.resize(size)?;
    Ok(Response::new(UpdateResponse::default()))
}
