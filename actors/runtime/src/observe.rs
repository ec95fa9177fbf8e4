//! What is told of commands and steps to those who look after a machine: spans and figures.
//!
//! | figure | |
//! |---|---|
//! | `roost_commands_total` | commands by who decided them (`hop`), their `kind` and `outcome` |
//! | `roost_command_wait_seconds` | how long they waited in the queue |
//! | `roost_command_seconds` | how long deciding them took |
//! | `roost_steps_total`, `roost_step_seconds` | steps by their name, and how long they took, whatever came of them |
//! | `roost_operation_seconds` | the parts (`phase`) of boots, restores and pictures (`operation`) |

use metrics::{counter, histogram};
use roost_journal::port::Delivery;
use roost_schemas::Owner;
use roost_schemas::command::SandboxCommand;
use roost_schemas::reply::Reply;
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span};

use crate::port::{Clock, Fault};

/// What is done with a command here, as a part of the trace that it came with.
pub(crate) fn command(hop: &'static str, delivery: &Delivery, clock: &dyn Clock) -> Span {
    let waited = clock.now().since(delivery.queued_at);
    histogram!("roost_command_wait_seconds", "hop" => hop).record(waited.as_secs_f64());
    let message = &delivery.message;
    info_span!(
        "command",
        hop,
        kind = field::Empty,
        tenant = %delivery.subject.tenant,
        sandbox = %delivery.subject.sandbox,
        command = %message.command_id,
        traceparent = message.trace.map(field::display),
    )
}

/// What a command is, told to the span that it is decided in.
pub(crate) fn kind<E>(opened: &Result<SandboxCommand, E>) -> &'static str {
    let kind = opened.as_ref().map_or("malformed", SandboxCommand::kind);
    Span::current().record("kind", kind);
    kind
}

/// How a command's answer is counted; without one it has to wait.
pub(crate) fn outcome(reply: Option<&Reply>) -> &'static str {
    match reply {
        Some(Reply::Accepted(_)) => "accepted",
        Some(Reply::Rejected(_)) => "rejected",
        None => "put_off",
    }
}

/// Counts a command that is decided.
pub(crate) fn decided(hop: &'static str, kind: &'static str, outcome: &'static str, began: Instant) {
    tracing::info!(outcome, "decided");
    counter!("roost_commands_total", "hop" => hop, "kind" => kind, "outcome" => outcome).increment(1);
    histogram!("roost_command_seconds", "hop" => hop, "kind" => kind).record(began.elapsed().as_secs_f64());
}

/// Counts a command that is not even read. Who sends too many does not fill our log as well.
pub(crate) fn turned_away(hop: &'static str) {
    counter!("roost_commands_total", "hop" => hop, "kind" => "unread", "outcome" => "too_fast").increment(1);
}

/// A part of an operation, timed and traced.
pub(crate) async fn phase<T>(
    operation: &'static str,
    phase: &'static str,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let began = Instant::now();
    let done = work.instrument(info_span!("phase", operation, phase)).await;
    let outcome = if done.is_ok() { "ok" } else { "failed" };
    let labels = [("operation", operation), ("phase", phase), ("outcome", outcome)];
    histogram!("roost_operation_seconds", &labels).record(began.elapsed().as_secs_f64());
    done
}

/// A step, timed and traced as a part of what it was ordered in.
pub(crate) async fn step<T>(step: &'static str, owner: &Owner, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let Owner { sandbox, generation } = owner;
    let done = work
        .instrument(info_span!("step", step, %sandbox, %generation))
        .await;
    counter!("roost_steps_total", "step" => step).increment(1);
    histogram!("roost_step_seconds", "step" => step).record(began.elapsed().as_secs_f64());
    done
}
