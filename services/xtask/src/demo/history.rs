//! A sandbox's events as they stand in the log, read from JetStream and from nothing else.

use anyhow::{Context, Result, bail};
use roost_journal::port::{Journal, Record};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{SandboxId, Sequence, TenantId, Timestamp};
use serde_json::Value;

use crate::nats;
use crate::stack::Stack;

/// One line per event of `sandbox`, with the sequence of its commit.
pub(super) async fn of(stack: &Stack, sandbox: &str) -> Result<Vec<String>> {
    let aggregate = AggregateId::Sandbox(SandboxId::new(sandbox)?);
    let subject = EventSubject {
        tenant: TenantId::new(crate::TENANT)?,
        aggregate,
    };
    let connection = nats::operator(stack).await?;
    // A demo's sandbox has fewer commits than a page.
    let records = connection
        .journal()
        .read(&subject, Sequence::default())
        .await?
        .records;
    connection.close().await;
    let Some(first) = records.first() else {
        bail!("the log holds nothing under {subject}")
    };
    let began = first.stored_at;
    let mut lines = vec![subject.to_string()];
    for record in &records {
        lines.extend(shown(record, began)?);
    }
    Ok(lines)
}

fn shown(record: &Record, began: Timestamp) -> Result<Vec<String>> {
    let Record {
        sequence,
        stored_at,
        payload,
        ..
    } = record;
    let commit = Commit::<SandboxEvent>::decode(payload).with_context(|| format!("sequence {sequence}"))?;
    let after = stored_at.since(began).as_millis();
    let events = commit.events.iter().map(|event| {
        let event = serde_json::to_value(event).context("events are plain data")?;
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let data = event.get("data").map(Value::to_string).unwrap_or_default();
        Ok(format!(
            "{:>5}  {after:>6} ms  {kind:<16} {}",
            sequence.to_string(),
            cut(&data, 100)
        ))
    });
    events.collect()
}

/// The first `length` characters of `text`.
fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
