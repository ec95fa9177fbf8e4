//! Reaching the log's end before something is told as unknown.
//!
//! A projection is always a little behind: a sandbox, or a key, that another gateway has made a moment ago is not in it
//! yet. One catching up serves everybody who asked before it began, so that requests for made-up things cost the log no
//! more than one question at a time.

use std::time::Instant;

use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::state::Gateway;

/// When the log's end was last asked for, and what came of it.
#[derive(Default)]
pub(crate) struct CatchUp(Mutex<Option<(Instant, Result<(), ApiError>)>>);

impl CatchUp {
    /// Waits until the projection shows what the log had when this was called.
    pub(crate) async fn reach(&self, gateway: &Gateway) -> Result<(), ApiError> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((began, outcome)) = &*last
            && *began >= asked
        {
            return outcome.clone();
        }
        let began = Instant::now();
        let outcome = match gateway.ports().journal.head().await {
            Ok(head) => gateway.reach(head).await,
            Err(error) => Err(error.into()),
        };
        *last = Some((began, outcome.clone()));
        outcome
    }
}
