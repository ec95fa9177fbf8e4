//! `SendSignal`: a process is asked or made to end.

use connectrpc::{ConnectError, Response, ServiceResult};
use nix::sys::signal::Signal;
use roost_schemas::envd::process::{SendSignalRequest, SendSignalResponse, Signal as Named};

use super::registry::Registry;

/// Sends one of the two signals there are.
pub(super) fn answer(registry: &Registry, request: &SendSignalRequest) -> ServiceResult<SendSignalResponse> {
    let signal = match request.signal.as_known() {
        Some(Named::SIGNAL_SIGTERM) => Signal::SIGTERM,
        Some(Named::SIGNAL_SIGKILL) => Signal::SIGKILL,
        Some(Named::SIGNAL_UNSPECIFIED) | None => {
            return Err(ConnectError::invalid_argument(
                "`signal` is neither SIGNAL_SIGTERM nor SIGNAL_SIGKILL",
            ));
        }
    };
    registry.find(&request.process)?.signal(signal)?;
    Ok(Response::new(SendSignalResponse::default()))
}
