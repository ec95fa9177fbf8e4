//! What follows a sandbox actor's panic: the log is told, a pause is made, and the actor is started anew.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use roost_domain::sandbox::{Command, Sandbox};
use roost_schemas::CommandId;
use roost_schemas::command::Envelope;
use roost_schemas::subject::EventSubject;

use super::{Context, HostMessage, Key};
use crate::sandbox::outlet;
use crate::{Ledger, Refusal};

/// The pause before the first restart; doubled with each crash, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The pause before a log that did not answer is told again.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn restart(context: Arc<Context>, host: ActorRef<HostMessage>, key: Key, message: String) {
    tokio::spawn(async move {
        let (tenant, sandbox) = key.clone();
        tracing::error!(%sandbox, panic = %message, "a sandbox actor panicked");
        let recorded = tokio::spawn(async move { recorded(&context, &key, &message).await }).await;
        // What the actor panics over, such as a commit, may be met here too. It then rests longest, and is tried again.
        let crashes = recorded.unwrap_or(u32::MAX);
        tokio::time::sleep((FIRST_BACKOFF * 2u32.saturating_pow(crashes)).min(MAX_BACKOFF)).await;
        // The host actor is gone only when the whole host is.
        let _ = host.send_message(HostMessage::Wake { tenant, sandbox });
    });
}

/// Tells the log of the panic, however long that takes; answers how many there have been.
async fn recorded(context: &Arc<Context>, key: &Key, message: &str) -> u32 {
    loop {
        match record(context, key, message).await {
            Ok(crashes) => return crashes,
            Err(Refusal::Rejected(_)) => return 0,
            Err(error) => tracing::error!(sandbox = %key.1, %error, "cannot record the panic yet"),
        }
        tokio::time::sleep(LOG_PATIENCE).await;
    }
}

async fn record(context: &Arc<Context>, (tenant, sandbox): &Key, message: &str) -> Result<u32, Refusal> {
    let subject = EventSubject::sandbox(tenant.clone(), sandbox.clone());
    let mut ledger = Ledger::<Sandbox>::load(Arc::clone(&context.journal), subject).await?;
    let here = |placed: &roost_schemas::event::Placed| placed.host == context.host;
    if !ledger.state().placed.as_ref().is_some_and(here) {
        // Somebody else's: that our actor panicked over a stray command does not count against it.
        return Ok(0);
    }
    let open = ledger.state().commanded();
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
    let done = ledger.execute(&envelope).await?;
    let running = &ledger.state().processes;
    let closed = open.into_iter().filter(|process| !running.contains_key(process));
    outlet::close(context, tenant, sandbox, closed, done.sequence);
    Ok(ledger.state().crashes)
}
