//! What follows a sandbox actor's panic: the log is told, a pause is made, and the actor is started anew.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use roost_domain::sandbox::{Command, Sandbox};
use roost_schemas::CommandId;
use roost_schemas::command::Envelope;
use roost_schemas::subject::EventSubject;

use super::{Context, HostMessage, Key};
use crate::{Ledger, Refusal};

/// The pause before the first restart; doubled with each crash, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

pub(super) fn restart(context: Arc<Context>, host: ActorRef<HostMessage>, key: Key, message: String) {
    tokio::spawn(async move {
        let (tenant, sandbox) = key.clone();
        tracing::error!(%sandbox, panic = %message, "a sandbox actor panicked");
        let crashes = loop {
            match record(&context, &key, &message).await {
                Ok(crashes) => break crashes,
                Err(Refusal::Rejected(_)) => break 0,
                Err(error) => tracing::error!(%sandbox, %error, "cannot record the panic yet"),
            }
            tokio::time::sleep(MAX_BACKOFF / 30).await;
        };
        tokio::time::sleep((FIRST_BACKOFF * 2u32.saturating_pow(crashes)).min(MAX_BACKOFF)).await;
        // The host actor is gone only when the whole host is.
        let _ = host.send_message(HostMessage::Wake { tenant, sandbox });
    });
}

/// Tells the log of the panic; answers how many there have been.
async fn record(context: &Context, (tenant, sandbox): &Key, message: &str) -> Result<u32, Refusal> {
    let subject = EventSubject::sandbox(tenant.clone(), sandbox.clone());
    let mut ledger = Ledger::<Sandbox>::load(Arc::clone(&context.journal), subject).await?;
    let generation = ledger.state().generation();
    let fact = format!("crashed.{}", ledger.state().crashes + 1);
    let envelope = Envelope {
        command_id: CommandId::report(sandbox, generation, &fact),
        at: context.clock.now(),
        principal: format!("host:{}", context.host),
        command: Command::Crashed {
            generation,
            message: message.to_owned(),
        },
    };
    ledger.execute(&envelope).await?;
    Ok(ledger.state().crashes)
}
