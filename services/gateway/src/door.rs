//! The way to a sandbox's guest: the edge of its host, and what to show there.

use roost_domain::sandbox::Phase;
use roost_schemas::SandboxId;
use roost_schemas::edge;

use crate::state::Gateway;

/// Where a request for a port of a guest goes, and the headers it needs on the way; what a client sends is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// The edge, such as `http://127.0.0.1:40123`.
    pub(crate) base: String,
    /// See [`roost_schemas::edge`].
    pub(crate) headers: [(&'static str, String); 3],
}

/// Why there is no way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// There is no such sandbox.
    NoSandbox,
    /// It does not run.
    NotRunning(Phase),
    /// Its host has told of no edge.
    NoEdge,
}

impl Gateway {
    /// The way to `port` of the guest of `id`, as far as this gateway knows.
    pub(crate) fn door(&self, id: &SandboxId, port: u16) -> Result<Door, Shut> {
        let base = self.fleet().read(|fleet| {
            let sandbox = &fleet.sandbox(self.tenant(), id).ok_or(Shut::NoSandbox)?.state;
            if sandbox.phase != Phase::Running {
                return Err(Shut::NotRunning(sandbox.phase));
            }
            let host = &sandbox.placed.as_ref().ok_or(Shut::NoEdge)?.host;
            let (_, view) = fleet
                .hosts()
                .find(|(other, _)| *other == host)
                .ok_or(Shut::NoEdge)?;
            let registered = view.state.registered.as_ref().ok_or(Shut::NoEdge)?;
            registered.edge.clone().ok_or(Shut::NoEdge)
        })?;
        let headers = [
            (edge::SANDBOX, id.to_string()),
            (edge::PORT, port.to_string()),
            (edge::TOKEN, self.tokens().edge()),
        ];
        Ok(Door { base, headers })
    }
}
