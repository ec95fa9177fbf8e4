//! The fence: what stops this host's VMs when nobody renews its lease, its agent dead or alive.

use std::time::Duration;

use async_trait::async_trait;

use super::Fault;

/// The fence of this host. It is carried out by something that outlives the agent: a VM whose host's time is over stands
/// still, whatever the agent does, and runs on when it is extended.
#[async_trait]
pub trait Fence: Send + Sync + 'static {
    /// Lets VMs run until `until`, by [`super::Clock::steady`]; never moves it back. Answers when those that stood still run.
    async fn extend(&self, until: Duration) -> Result<(), Fault>;
}
