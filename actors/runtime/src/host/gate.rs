//! What the agent knows of its fence, so that nobody takes a VM that stands still behind it for one that does not answer.
//!
//! ```text
//!   step ─▶ wait for the fence ─▶ ask engine or guest ──▶ answer
//!              ▲                        └─ failed, and the fence was closed meanwhile ─┐
//!              └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Every effect may be asked for again, so what failed behind a closed fence proves nothing and is asked again when it is
//! open. What only looks, finds or destroys does not wait: it needs nothing that moves.

mod engines;
mod guests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::port::{Clock, Engines, Fault, Fence, Guests};

/// A fence that whoever deals with VMs can wait for. Clones are of the same; it is closed until it is extended.
#[derive(Clone)]
pub struct Gate {
    fence: Arc<dyn Fence>,
    clock: Arc<dyn Clock>,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Until when it is open.
    until: Duration,
    /// How often it was opened.
    opened: u64,
}

impl Gate {
    /// Before `fence`, by the clock that it goes by.
    pub fn new(fence: Arc<dyn Fence>, clock: Arc<dyn Clock>) -> Self {
        Self {
            fence,
            clock,
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    /// Engines whose VMs the fence stops.
    pub fn engines(&self, engines: Arc<dyn Engines>) -> Arc<dyn Engines> {
        Arc::new(engines::Fenced {
            gate: self.clone(),
            engines,
        })
    }

    /// Guests of such VMs.
    pub fn guests(&self, guests: Arc<dyn Guests>) -> Arc<dyn Guests> {
        Arc::new(guests::Fenced {
            gate: self.clone(),
            guests,
        })
    }

    /// Waits until it is open; answers which time this is.
    async fn open(&self) -> u64 {
        let mut state = self.state.subscribe();
        let open = state.wait_for(|state| self.clock.steady() < state.until).await;
        // The sender lives in `self`.
        open.map_or(0, |state| state.opened)
    }

    /// Whether it has been open all the time since it was opened for the time `opened`.
    fn is_open_since(&self, opened: u64) -> bool {
        let state = *self.state.borrow();
        state.opened == opened && self.clock.steady() < state.until
    }

    /// What `ask` comes to while the fence is open.
    async fn pass<'a, T>(
        &self,
        ask: impl Fn() -> BoxFuture<'a, Result<T, Fault>> + Send + Sync,
    ) -> Result<T, Fault> {
        loop {
            let opened = self.open().await;
            match ask().await {
                Err(fault) if !self.is_open_since(opened) => {
                    tracing::info!(%fault, "the fence was closed meanwhile; it is tried again");
                }
                answer => return answer,
            }
        }
    }
}

#[async_trait]
impl Fence for Gate {
    async fn extend(&self, until: Duration) -> Result<(), Fault> {
        let now = self.clock.steady();
        self.fence.extend(until).await?;
        self.state.send_modify(|state| {
            state.opened += u64::from(now >= state.until);
            state.until = state.until.max(until);
        });
        Ok(())
    }
}
