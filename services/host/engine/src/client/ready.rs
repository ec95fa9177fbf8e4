//! Waiting for an engine to serve its socket.

use super::Client;
use crate::{api::InstanceInfo, error::EngineError, process::EngineProcess};
use std::time::Duration;

/// Pause between two attempts. An engine needs 5 to 20 ms; attempts at a socket that does not exist cost microseconds.
const POLL: Duration = Duration::from_millis(2);

impl Client {
    /// Waits until the engine answers, at most `deadline`, and fails at once when its process has ended.
    pub async fn wait_ready(
        &self,
        process: &EngineProcess,
        deadline: Duration,
    ) -> Result<InstanceInfo, EngineError> {
        tokio::select! {
            info = tokio::time::timeout(deadline, self.poll()) => info.map_err(|_| EngineError::NotReady {
                id: process.id().to_owned(),
                socket: self.socket().to_owned(),
                after: deadline,
                log_tail: process.log_tail(),
            }),
            exit = process.wait() => Err(EngineError::Exited {
                id: process.id().to_owned(),
                exit,
                log_tail: process.log_tail(),
            }),
        }
    }

    /// Any failure means "not yet": the process and the deadline decide when to give up.
    async fn poll(&self) -> InstanceInfo {
        loop {
            match self.describe().await {
                Ok(info) => return info,
                Err(error) => tracing::trace!(%error, "engine not ready"),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
