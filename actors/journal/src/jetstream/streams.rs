//! The four streams: made as the design says, and refused when found otherwise.
//!
//! What an existing stream keeps is never changed here. One that differs may be somebody's decision, or hold what a stricter
//! setting would drop; the message names each difference, and a person settles it.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, Republish, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{Context, ErrorCode};
use roost_schemas::lease::ALL_LEASES;
use roost_schemas::subject::{ALL_EVENTS, ALL_LIVE, ALL_OUTPUT};
use tokio::time::Instant;

use super::link::Link;
use super::{Options, fitness::Unfit};
use crate::pause::Pause;
use crate::port::{JournalError, MAX_WAITING};

/// The stream of commits.
pub const EVENTS: &str = "EVENTS";
/// The stream of commands that wait.
pub const COMMANDS: &str = "COMMANDS";
/// The stream of process output.
pub const OUTPUT: &str = "OUTPUT";

/// The stream of leases.
pub const LEASES: &str = "LEASES";

/// The shape of a command's subject. Not `roost.cmd.>`: a message that no consumer's filter can match would wait for
/// ever, so it is refused at once by finding no stream.
const COMMAND_SUBJECTS: &str = "roost.cmd.*.*.*";
/// How long output is kept.
const OUTPUT_AGE: Duration = Duration::from_hours(1);

/// Makes the streams that are missing and checks those that are not; a server that is still starting is waited for.
pub(super) async fn ensure(link: &Link) -> Result<(), JournalError> {
    let deadline = Instant::now() + link.options.patience;
    let mut pause = Pause::new();
    loop {
        match ensure_once(link).await {
            Err(JournalError::Unavailable { .. }) if Instant::now() < deadline => pause.wait().await,
            ended => return ended,
        }
    }
}

async fn ensure_once(link: &Link) -> Result<(), JournalError> {
    let context = link.patient();
    for wanted in [
        events(&link.options),
        commands(&link.options),
        output(&link.options),
        leases(&link.options),
    ] {
        let found = found_or_made(link, &context, &wanted).await?;
        let faults = faults(&wanted, &found);
        if !faults.is_empty() {
            return Err(Unfit {
                server: link.server.clone(),
                reason: format!("its stream {} has {}", wanted.name, faults.join(", ")),
                remedy: format!(
                    "correct it with `nats stream edit {}`, or use another nats-server or account",
                    wanted.name
                ),
            }
            .into());
        }
        if found.republish.is_none() && wanted.republish.is_some() {
            tell(link, &context, found, &wanted).await?;
        }
    }
    Ok(())
}

/// Discards nothing, ever: when it cannot store it refuses. What it has stored it tells on [`ALL_LIVE`], with its sequence: who
/// listened to the events' own subjects would also hear of commits that were refused.
fn events(options: &Options) -> Config {
    Config {
        name: EVENTS.to_owned(),
        description: Some("Roost: every state change".to_owned()),
        subjects: vec![ALL_EVENTS.to_owned()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        republish: Some(Republish {
            source: ALL_EVENTS.to_owned(),
            destination: ALL_LIVE.to_owned(),
            headers_only: false,
        }),
        ..file(options)
    }
}

fn commands(options: &Options) -> Config {
    Config {
        name: COMMANDS.to_owned(),
        description: Some("Roost: commands that wait for their host".to_owned()),
        subjects: vec![COMMAND_SUBJECTS.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: signed(MAX_WAITING as u64),
        max_bytes: signed(options.commands_bytes),
        ..file(options)
    }
}

fn output(options: &Options) -> Config {
    Config {
        name: OUTPUT.to_owned(),
        description: Some("Roost: recent output of processes".to_owned()),
        subjects: vec![ALL_OUTPUT.to_owned()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: OUTPUT_AGE,
        max_bytes: signed(options.output_bytes),
        ..file(options)
    }
}

/// The last record of each host; nobody needs those before it.
fn leases(options: &Options) -> Config {
    Config {
        name: LEASES.to_owned(),
        description: Some("Roost: which hosts live".to_owned()),
        subjects: vec![ALL_LEASES.to_owned()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_messages_per_subject: 1,
        allow_direct: true,
        ..file(options)
    }
}

fn file(options: &Options) -> Config {
    Config {
        storage: StorageType::File,
        num_replicas: 1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        duplicate_window: options.duplicate_window,
        ..Config::default()
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The stream's configuration as the server has it, made if it was missing and these credentials allow it: not every
/// process may, and those that may not wait for one that does.
async fn found_or_made(link: &Link, context: &Context, wanted: &Config) -> Result<Config, JournalError> {
    let name = &wanted.name;
    match context.get_stream(name).await {
        Ok(stream) => return Ok(stream.cached_info().config.clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
            _ => return Err(lost(name, &error)),
        },
    }
    tokio::select! {
        biased;
        made = context.create_stream(wanted) => match made {
            Ok(stream) => Ok(stream.cached_info().config.clone()),
            Err(error) => Err(not_made(link, name, &error)),
        },
        () = link.denied(format!("$JS.API.STREAM.CREATE.{name}")) => Err(JournalError::Unavailable {
            action: "show its streams",
            detail: format!("the stream {name} is not there, and these credentials do not allow to make it: start a reconciler"),
        }),
    }
}

fn not_made(link: &Link, name: &str, error: &CreateStreamError) -> JournalError {
    match error.kind() {
        // Somebody else made it meanwhile, and not like this: in what it differs is told at the next look.
        CreateStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NAME_EXIST => {
            lost(name, error)
        }
        CreateStreamErrorKind::JetStream(e) if e.code() < 500 => Unfit {
            server: link.server.clone(),
            reason: format!("it does not make the stream {name}: {e}"),
            remedy: "start it with Roost's nats.conf, and remove other streams with these subjects"
                .to_owned(),
        }
        .into(),
        _ => lost(name, error),
    }
}

/// Has a stream of an older release tell what it stores, which changes nothing that it holds.
async fn tell(link: &Link, context: &Context, found: Config, wanted: &Config) -> Result<(), JournalError> {
    let changed = Config {
        republish: wanted.republish.clone(),
        ..found
    };
    tokio::select! {
        biased;
        told = context.update_stream(&changed) => {
            told.map(drop).map_err(|error| lost(&wanted.name, &error))
        }
        // Then it is for somebody else to do.
        () = link.denied(format!("$JS.API.STREAM.UPDATE.{}", wanted.name)) => Ok(()),
    }
}

fn lost(stream: &str, error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Unavailable {
        action: "show its streams",
        detail: format!("{stream}: {error}"),
    }
}

/// In what `found` would lose, alter or reorder what `wanted` keeps. Being stricter, replicated or compressed is fine.
fn faults(wanted: &Config, found: &Config) -> Vec<String> {
    let checks = [
        (
            found.subjects == wanted.subjects,
            format!("subjects {:?}", found.subjects),
        ),
        (
            found.storage == wanted.storage,
            format!("storage {:?}", found.storage),
        ),
        (
            found.retention == wanted.retention,
            format!("retention {:?}", found.retention),
        ),
        (
            found.discard == wanted.discard,
            format!("discard policy {:?}", found.discard),
        ),
        (
            found.deny_delete || !wanted.deny_delete,
            "deletes allowed".to_owned(),
        ),
        (
            found.deny_purge || !wanted.deny_purge,
            "purges allowed".to_owned(),
        ),
        (
            found.allow_direct || !wanted.allow_direct,
            "direct reads disabled".to_owned(),
        ),
        (
            found.max_age.is_zero() == wanted.max_age.is_zero(),
            format!("an age limit of {:?}", found.max_age),
        ),
        (
            (found.max_bytes > 0) == (wanted.max_bytes > 0),
            format!("a size limit of {}", found.max_bytes),
        ),
        (
            found.max_messages <= 0,
            format!("a limit of {} messages", found.max_messages),
        ),
        (
            (found.max_messages_per_subject > 0) == (wanted.max_messages_per_subject > 0)
                && found.discard_new_per_subject == wanted.discard_new_per_subject,
            format!(
                "a limit of {} messages per subject",
                found.max_messages_per_subject
            ),
        ),
        (
            found.duplicate_window >= wanted.duplicate_window,
            format!(
                "a duplicate window of {:?}, below {:?}",
                found.duplicate_window, wanted.duplicate_window
            ),
        ),
        (
            found.persist_mode != Some(PersistenceMode::Async),
            "asynchronous persistence".to_owned(),
        ),
        (!found.no_ack, "acknowledgements disabled".to_owned()),
        (!found.sealed, "a seal".to_owned()),
        (!found.allow_rollup, "roll-ups allowed".to_owned()),
        (!found.allow_message_ttl, "per-message expiry allowed".to_owned()),
        (
            found.mirror.is_none() && found.sources.is_none(),
            "a mirror or sources".to_owned(),
        ),
        (
            found.subject_transform.is_none(),
            "a subject transform".to_owned(),
        ),
    ];
    checks
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, fault)| fault)
        .collect()
}
