//! Telling the log what this host is and what it can start sandboxes from.

use std::sync::Arc;

use roost_domain::Aggregate;
use roost_domain::host::{Command as HostCommand, Host};
use roost_domain::template::{Command as TemplateCommand, Template};
use roost_schemas::command::Envelope;
use roost_schemas::event::{HostRegistered, TemplateRegistered};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, TemplateName, TenantId};

use super::Context;
use crate::{Ledger, Refusal};

/// Registers this host and `templates`, as far as the log does not say the same already.
pub async fn announce(
    context: &Context,
    host: HostRegistered,
    templates: Vec<(TemplateName, TemplateRegistered)>,
) -> Result<(), Refusal> {
    for (name, template) in templates {
        let fact = format!("template.{name}");
        tell::<Template>(
            context,
            &fact,
            AggregateId::Template(name),
            TemplateCommand::Register(template),
        )
        .await?;
    }
    tell::<Host>(
        context,
        "registered",
        AggregateId::Host(context.host.clone()),
        HostCommand::Register(host),
    )
    .await
}

/// Says that this host takes no more sandboxes.
pub async fn drain(context: &Context) -> Result<(), Refusal> {
    tell::<Host>(
        context,
        "drained",
        AggregateId::Host(context.host.clone()),
        HostCommand::Drain,
    )
    .await
}

/// What one life of the agent says, it says once: `fact` names it.
async fn tell<A: Aggregate>(
    context: &Context,
    fact: &str,
    aggregate: AggregateId,
    command: A::Command,
) -> Result<(), Refusal> {
    let tenant = TenantId::system();
    let subject = EventSubject { tenant, aggregate };
    let mut ledger = Ledger::<A>::load(Arc::clone(&context.journal), subject).await?;
    let envelope = Envelope {
        command_id: CommandId::of_host(&context.host, &context.life, fact),
        at: context.clock.now(),
        principal: format!("host:{}", context.host),
        command,
    };
    ledger.execute(&envelope).await.map(|_| ())
}
