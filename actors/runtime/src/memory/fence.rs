//! The fence around a machine in memory: when its time is over, every VM stands still until it is moved on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Inner, Machine};
use crate::port::{Clock, Fault, Fence};

/// Until when VMs may run.
pub(super) struct Bounds {
    clock: Arc<dyn Clock>,
    until: Duration,
}

impl Machine {
    /// Puts a fence around it, which is closed until it is extended. Without one its VMs run for as long as they like.
    pub fn fence(&self, clock: Arc<dyn Clock>) {
        let until = Duration::ZERO;
        self.lock().fence = Some(Bounds { clock, until });
    }

    /// Whether every VM stands still because the fence is closed. They can be found and destroyed, and nothing else.
    pub fn is_fenced(&self) -> bool {
        self.lock().is_fenced()
    }
}

impl Inner {
    pub(super) fn is_fenced(&self) -> bool {
        let fence = self.fence.as_ref();
        fence.is_some_and(|Bounds { clock, until }| clock.steady() >= *until)
    }

    /// Fails as an engine or a guest would that is asked something while it is frozen.
    pub(super) fn unfenced(&self) -> Result<(), Fault> {
        if self.is_fenced() {
            return Err(Fault::timed_out("speak to the VM", "the fence is closed"));
        }
        Ok(())
    }
}

#[async_trait]
impl Fence for Machine {
    async fn extend(&self, until: Duration) -> Result<(), Fault> {
        {
            let mut inner = self.step("fence")?;
            if let Some(bounds) = &mut inner.fence {
                bounds.until = bounds.until.max(until);
            }
        }
        self.changed();
        Ok(())
    }
}
