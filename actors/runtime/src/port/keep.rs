//! A few bytes that outlive a process.

use async_trait::async_trait;

use super::Fault;

/// Bytes that are replaced as a whole. What was kept in an earlier boot of the machine is not given back: its steady clock
/// has begun anew since.
#[async_trait]
pub trait Keep: Send + Sync + 'static {
    /// What was kept last, if anything.
    async fn load(&self) -> Result<Option<Vec<u8>>, Fault>;

    /// Keeps `bytes`, all or none of them, in the place of what was kept before.
    async fn save(&self, bytes: Vec<u8>) -> Result<(), Fault>;
}
