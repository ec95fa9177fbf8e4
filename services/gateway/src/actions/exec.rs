//! Running a program: the command, and where it was admitted.

use std::time::Duration;

use roost_schemas::command::{Exec, SandboxCommand};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::{ProcessId, SandboxId, Sequence};

use crate::error::ApiError;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Has a program run in a sandbox, which is resumed for it if it is one of those. The program's id, and the place in
    /// the log at which it was admitted.
    pub(crate) async fn exec(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        exec: &Exec,
    ) -> Result<(ProcessId, Sequence), ApiError> {
        self.locate(id).await?;
        let process = ProcessId::from_command(id, &key.id);
        let same = |commit: &_| starts(commit, &process, exec);
        if let Some(admitted) = self.done_before(id, key, same).await? {
            // Nobody is woken for what has run.
            self.reach(admitted).await?;
            return Ok((process, admitted));
        }
        self.awake(id).await?;
        let command = SandboxCommand::Exec(exec.clone());
        let admitted = self.execute(id, key, &command, same).await?;
        Ok((process, admitted))
    }

    /// How long a program's end is awaited that is killed after `timeout_sec`.
    pub(crate) fn patience(&self, timeout_sec: u32) -> Duration {
        Duration::from_secs(timeout_sec.into()) + self.limits().exec_grace
    }
}

/// Whether `commit` admitted this very program. Its environment is not in the log.
fn starts(commit: &Commit<SandboxEvent>, process: &ProcessId, exec: &Exec) -> bool {
    commit.events.iter().any(|event| match event {
        SandboxEvent::ProcessStarted(started) => {
            started.process == *process
                && started.cmd == exec.cmd
                && started.args == exec.args
                && started.cwd == exec.cwd
                && started.user == exec.user
                && started.timeout_sec == Some(exec.timeout_sec)
                && started.pty == exec.pty.is_some()
        }
        _ => false,
    })
}
