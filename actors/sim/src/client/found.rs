//! A tenant with limits, as an operator makes it.

use std::time::Duration;

use roost_schemas::command::{ChangeTenant, SandboxCommand, TenantChange};
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::tenant::Limits;
use roost_schemas::{SandboxId, TenantId};

use super::Client;

/// Sandboxes that it may have at a time: fewer than its client asks for.
const SANDBOXES: u32 = 2;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Has its tenant made, however often that must be asked for.
    pub(super) async fn found(&mut self) {
        let limits = Limits {
            sandboxes: Some(SANDBOXES),
            ..Limits::default()
        };
        let command = SandboxCommand::Tenant(ChangeTenant {
            tenant: self.tenant.clone(),
            change: TenantChange::Create(limits),
        });
        let subject = CommandSubject {
            tenant: TenantId::system(),
            route: Route::Any,
            sandbox: SandboxId::new("tenants").expect("it is one"),
        };
        let id = self.next_id();
        let mut message = self.message(id, &command);
        message.deadline = None;
        loop {
            let asked = self.ports.queue.request(&subject, message.clone(), PATIENCE);
            match tokio::time::timeout(PATIENCE * 2, asked).await {
                Ok(Ok(Reply::Accepted(_))) => return,
                Ok(Ok(Reply::Rejected(rejected))) => panic!("no tenant was made: {rejected:?}"),
                Ok(Err(_)) | Err(_) => tokio::time::sleep(PATIENCE).await,
            }
        }
    }
}
