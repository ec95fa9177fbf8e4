//! Changing a tenant: its limits, its keys.

use roost_domain::tenant::Held;
use roost_schemas::command::{ChangeTenant, SandboxCommand, TenantChange};
use roost_schemas::event::{KeyRevoked, TenantEvent};
use roost_schemas::subject::{CommandSubject, EventSubject, Route};
use roost_schemas::tenant::{Key, Scope};
use roost_schemas::{KeyId, SandboxId, Sequence, TenantId, Timestamp};

use crate::auth::secret::Secret;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// In a sandbox's place, where a command is about a tenant.
const TENANTS: &str = "tenants";

impl Gateway {
    /// Lets `change` take effect on `tenant`, and waits until reads show it. Whether the caller may is for the routes to
    /// say: to the router this gateway is an operator.
    pub(crate) async fn change_tenant(
        &self,
        key: &CommandKey,
        tenant: TenantId,
        change: TenantChange,
    ) -> Result<Sequence, ApiError> {
        let log = EventSubject::tenant(tenant.clone());
        let subject = CommandSubject {
            tenant: TenantId::system(),
            route: Route::Any,
            sandbox: SandboxId::new(TENANTS).expect("letters only"),
        };
        let command = SandboxCommand::Tenant(ChangeTenant {
            tenant,
            change: change.clone(),
        });
        let sequence = self.ask(&subject, &log, key, &command).await??;
        self.reach(sequence).await?;
        self.check_same(&log, key, sequence, |event| leads_to(&change, event))
            .await?;
        Ok(sequence)
    }

    /// Makes a key for the caller's tenant.
    pub(crate) async fn create_key(
        &self,
        key: &CommandKey,
        name: String,
        scope: Scope,
        expires_at: Option<Timestamp>,
    ) -> Result<(Sequence, Held, Secret), ApiError> {
        let secret = Secret::random().map_err(|error| {
            ApiError::new(
                Code::Internal,
                format!("the kernel gives no random bytes: {error}"),
            )
        })?;
        let hash = self.tokens().key_hash(secret.as_str());
        let tenant = self.tenant().clone();
        let id = KeyId::from_command(&tenant, &key.id);
        let made = Key {
            id: id.clone(),
            name,
            hash,
            scope,
            created_at: Timestamp::now(),
            expires_at,
        };
        let change = TenantChange::CreateKey(made);
        let sequence = self.change_tenant(key, tenant, change).await?;
        let held = self.fleet().read(|fleet| {
            let tenant = fleet.tenant(self.tenant())?;
            tenant.state.keys.get(&id).cloned()
        });
        // The command was known already: what it made has another secret, which was told then.
        let held = held.filter(|held| held.key.hash == hash).ok_or_else(|| {
            let message = format!(
                "key {id} was made under this Idempotency-Key before, and is told only once: revoke it, and make another \
                 under another Idempotency-Key"
            );
            ApiError::new(Code::Conflict, message)
        })?;
        Ok((sequence, held, secret))
    }
}

/// Whether `change` leads to `event`. What a key is made of is compared by its maker.
fn leads_to(change: &TenantChange, event: &TenantEvent) -> bool {
    match (change, event) {
        (TenantChange::Create(asked), TenantEvent::Created(limits))
        | (TenantChange::SetLimits(asked), TenantEvent::LimitsSet(limits)) => asked == limits,
        (TenantChange::CreateKey(key), TenantEvent::KeyCreated(made)) => key.id == made.id,
        (TenantChange::RevokeKey(key), TenantEvent::KeyRevoked(KeyRevoked { id })) => key == id,
        _ => false,
    }
}
