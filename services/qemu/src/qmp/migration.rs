//! Device state, saved and loaded by QEMU's migration, which here leaves out the memory.
//!
//! ```text
//!   Save / Load ──▶ (setup, active, device) ──▶ completed
//!                                          └──▶ failed, cancelled; a QEMU that loads may end instead
//! ```

use super::{Command, Qmp, QmpError};
use std::{fs::File, os::fd::AsFd, time::Duration};
use tokio::time::Instant;

/// How long device state may take. It is a few hundred kilobytes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Pause between two questions. Saving takes about ten milliseconds.
const POLL: Duration = Duration::from_millis(1);

impl Qmp {
    /// Saves the stopped machine's device state to `file`. QEMU does this once between two runs of the vCPUs.
    pub(crate) async fn save(&mut self, file: &File) -> Result<(), QmpError> {
        self.execute(Command::LeaveMemoryOut).await?;
        self.execute_with(Command::TakeStateFile, file.as_fd()).await?;
        self.execute(Command::Save).await?;
        self.completed().await
    }

    /// Loads device state from `file` into a machine that waits for it, and that is stopped afterwards.
    pub(crate) async fn load(&mut self, file: &File) -> Result<(), QmpError> {
        self.execute(Command::LeaveMemoryOut).await?;
        self.execute(Command::AnnounceNothing).await?;
        self.execute_with(Command::TakeStateFile, file.as_fd()).await?;
        self.execute(Command::Load).await?;
        self.completed().await
    }

    async fn completed(&mut self) -> Result<(), QmpError> {
        let began = Instant::now();
        loop {
            let told = self.execute(Command::HowFar).await?;
            let failed = |description: &str| QmpError::State {
                description: description.to_owned(),
            };
            match told["status"].as_str().unwrap_or_default() {
                "completed" => return Ok(()),
                "failed" | "cancelled" => {
                    return Err(failed(
                        told["error-desc"].as_str().unwrap_or("QEMU does not say why"),
                    ));
                }
                _ if began.elapsed() > DEADLINE => {
                    return Err(failed(&format!("not done within {DEADLINE:?}")));
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }
}
