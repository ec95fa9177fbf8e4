//! The fence: what stops this host's VMs when nobody renews its lease, its agent dead or alive.

use std::time::Duration;

use super::Fault;

/// The fence of this host. It is carried out by something that outlives the agent: a VM whose host's time is over stands
/// still, whatever the agent does, and runs on when it is extended.
pub trait Fence: Send + Sync + 'static {
    /// Lets VMs run until `until`, by [`super::Clock::steady`]; never moves it back.
    fn extend(&self, until: Duration) -> Result<(), Fault>;
}
