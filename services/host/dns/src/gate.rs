//! Who decides what a guest may ask for, and lets through what it is told.

use std::net::Ipv4Addr;
use std::time::Duration;

use async_trait::async_trait;

/// One guest's gate.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Whether the guest may ask for `name`, which has no dot at its end.
    fn may_ask(&self, name: &str) -> bool;

    /// Lets the guest reach `addresses` for as long as `life`, if `name` is what its policy allows. Done when packets pass.
    async fn admit(&self, name: &str, addresses: &[Ipv4Addr], life: Duration) -> Result<(), Closed>;
}

/// Addresses could not be let through, so the guest is not told of them.
#[derive(Debug, thiserror::Error)]
#[error("the addresses of {name} cannot be let through")]
pub struct Closed {
    /// The name.
    pub name: String,
    /// Why not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Opens to one name alone.
    pub(crate) struct Only(pub(crate) &'static str);

    #[async_trait]
    impl Gate for Only {
        fn may_ask(&self, name: &str) -> bool {
            name == self.0
        }

        async fn admit(&self, _: &str, _: &[Ipv4Addr], _: Duration) -> Result<(), Closed> {
            Ok(())
        }
    }
}
