//! Changing tenants, as the router does it.

use roost_domain::tenant::Tenant;
use roost_schemas::CommandId;
use roost_schemas::command::ChangeTenant;
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::EventSubject;

use super::{Script, execute};

impl Script {
    pub(super) async fn change_tenant(&self, command_id: CommandId, change: ChangeTenant) -> Reply {
        let subject = EventSubject::tenant(change.tenant.clone());
        match execute::<Tenant>(&self.ports, subject, command_id, change).await {
            Ok((sequence, _)) => Reply::Accepted(Accepted {
                sequence,
                state: "there".into(),
            }),
            Err(rejection) => Reply::Rejected(rejection.into()),
        }
    }
}
