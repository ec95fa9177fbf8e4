//! File descriptors: as many as the kernel lets this process have, and no more connections than they are enough for.

use roost_gateway::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the log, the checkpoint, and what else the gateway opens for itself.
const OWN: u64 = 128;
/// A client's connection, and the one to an edge that it may lead to.
const EACH: u64 = 2;

/// Raises the bound on descriptors and fits `limits` into it: without one left, the gateway could not reach a host, or the log
/// after a break.
pub(crate) fn fit(limits: &Limits) -> Limits {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    let bound = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the bound on file descriptors stays as it is");
            current
        }
    };
    let connections = enough_for(bound).min(limits.connections);
    if connections < limits.connections {
        tracing::warn!(
            connections,
            ?bound,
            "few file descriptors: raise the limit (ulimit -n) for more connections"
        );
    }
    Limits {
        connections,
        ..limits.clone()
    }
}

/// Connections for which so many descriptors are enough; none: there is no bound.
fn enough_for(descriptors: Option<u64>) -> usize {
    let connections = descriptors.map(|bound| (bound.saturating_sub(OWN) / EACH).max(1));
    connections
        .and_then(|connections| usize::try_from(connections).ok())
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_for_the_gateway_itself() {
        assert_eq!(enough_for(None), usize::MAX);
        assert_eq!(enough_for(Some(1024)), 448);
        assert_eq!(enough_for(Some(0)), 1);
    }
}
