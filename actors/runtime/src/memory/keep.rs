//! [`Keep`] in process.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::port::{Fault, Keep};

/// Bytes that outlive whoever keeps them here, as long as this is held.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Vec<u8>>>);

#[async_trait]
impl Keep for Kept {
    async fn load(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, bytes: Vec<u8>) -> Result<(), Fault> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        Ok(())
    }
}
