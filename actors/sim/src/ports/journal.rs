//! The way to the event log.

use std::time::Duration;

use async_trait::async_trait;
use roost_journal::memory::{Passage, Wire};

use super::Link;
use crate::faults::Kind;

/// How long one append is tried, as over JetStream.
const PATIENCE: Duration = Duration::from_secs(15);

#[async_trait]
impl Wire for Link {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    async fn pass(&self, request: &'static str, about: String) -> Passage {
        self.turn(Kind::Request, request, about).await
    }

    async fn passed(&self) {
        self.took_effect().await;
    }

    async fn deliver(&self, stream: &'static str, about: String) {
        self.turn(Kind::Item, stream, about).await;
        self.took_effect().await;
    }
}
