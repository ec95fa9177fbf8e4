//! Making a sandbox: the command, and the wait until it runs.

use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_schemas::command::{Create, Fork, SandboxCommand};
use roost_schemas::spec::SandboxSpec;
use roost_schemas::subject::Route;
use roost_schemas::{SandboxId, Sequence};

use crate::command::reused;
use crate::describe;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Makes the sandbox that `key` stands for and waits until it has come to run; also the place in the log at which it
    /// did. Under a key that was used for the same request before, this is the sandbox that was made then, which may have
    /// ended since. It starts from its template, or is a `fork` of another sandbox.
    pub(crate) async fn create(
        &self,
        key: &CommandKey,
        spec: &SandboxSpec,
        fork: Option<&Fork>,
    ) -> Result<(SandboxId, Sequence), ApiError> {
        let id = SandboxId::from_command(self.tenant(), &key.id);
        self.reach(Sequence::default()).await?;
        if !self
            .fleet()
            .read(|fleet| fleet.sandbox(self.tenant(), &id).is_some())
        {
            let command = SandboxCommand::Create(Create {
                spec: spec.clone(),
                fork: fork.cloned(),
                placement: None,
            });
            self.send(&id, &Route::Any, key, &command).await?;
        }
        let outcome = self
            .until(self.limits().create, |fleet| outcome(fleet, self, key, &id, spec))
            .await?;
        match outcome {
            // Nobody can repeat what has no key: whatever reads show now is the answer.
            Some(Ok(shown)) if !key.given => Ok((id, shown)),
            Some(Ok(shown)) => {
                let ran = self.first_run(&id).await?;
                Ok((id, ran.unwrap_or(shown)))
            }
            Some(Err(error)) => Err(error),
            None => Err(late(self, &id)),
        }
    }
}

/// What became of the sandbox, and the place in the log that shows it; nothing while that is open.
fn outcome(
    fleet: &Fleet,
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    spec: &SandboxSpec,
) -> Option<Result<Sequence, ApiError>> {
    let view = fleet.sandbox(gateway.tenant(), id)?;
    if view.state.requested.as_ref()?.spec != *spec {
        return Some(Err(reused(&key.id, view.sequence)));
    }
    if view.state.running.is_some() {
        return Some(Ok(view.sequence));
    }
    let code = match view.state.phase {
        Phase::Failed => Code::SandboxFailed,
        Phase::Stopping | Phase::Stopped | Phase::Lost => Code::SandboxEnded,
        _ => return None,
    };
    Some(Err(ApiError::new(code, describe::end(id, &view.state))))
}

fn late(gateway: &Gateway, id: &SandboxId) -> ApiError {
    let patience = gateway.limits().create;
    let state = gateway.fleet().read(|fleet| {
        fleet
            .sandbox(gateway.tenant(), id)
            .map(|view| view.state.phase.as_str())
    });
    let state = state.unwrap_or("not in the log yet");
    let message = format!(
        "sandbox {id} does not run after {patience:?}; it is {state} and may still come to run: GET /v1/sandboxes/{id} tells, DELETE ends it"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
