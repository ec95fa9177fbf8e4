//! One socket, from its first message to its last.

use std::time::Duration;

use axum::extract::ws::WebSocket;
use roost_schemas::command::Exec;
use roost_schemas::{ProcessId, SandboxId, Sequence};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Cursor;
use super::input::Input;
use super::relay::{Relay, Told};
use super::socket::{Cut, Reader, Writer, split};
use crate::dto::stream::{StreamMessage, StreamRequest};
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// How long a client may take to say what is to run.
const START: Duration = Duration::from_secs(30);
/// How often a client is asked for a sign of life while it may be silent.
const PINGS: u32 = 3;

/// How a stream begins.
pub(crate) enum Begin {
    /// With the client's word of what to run, under this key.
    Start(CommandKey),
    /// With a program that was admitted before, from where the client has read it.
    Attach(Attached),
}

/// A program that is followed.
pub(crate) struct Attached {
    pub(crate) process: ProcessId,
    /// Where it was admitted.
    pub(crate) admitted: Sequence,
    /// Seconds after which it is killed.
    pub(crate) timeout_sec: u32,
    /// Whether it has a terminal.
    pub(crate) pty: bool,
    pub(crate) cursor: Cursor,
}

/// Serves a socket to its end, which comes too when the key that opened it is revoked: there may be a shell behind it.
pub(crate) async fn serve(gateway: Gateway, sandbox: SandboxId, socket: WebSocket, begin: Begin) {
    let (mut reader, mut writer) = split(socket, gateway.limits().silence);
    let served = tokio::select! {
        served = session(&gateway, &sandbox, begin, &mut reader, &mut writer) => served,
        error = gateway.revoked() => Err(error.into()),
    };
    let told = match served {
        Ok(()) => writer.close(None).await,
        Err(Cut::Gone) => return,
        Err(Cut::Failed(error)) => match writer.send(&error.clone().into()).await {
            Ok(()) => writer.close(Some(&error)).await,
            gone => gone,
        },
    };
    if told.is_ok() {
        reader.drain().await;
    }
}

async fn session(
    gateway: &Gateway,
    sandbox: &SandboxId,
    begin: Begin,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<(), Cut> {
    let (program, key) = match begin {
        Begin::Attach(program) => (program, None),
        Begin::Start(key) => (start(gateway, sandbox, &key, reader).await?, Some(key)),
    };
    let started = StreamMessage::Started {
        process_id: program.process.to_string(),
        sequence: program.admitted.0,
        idempotency_key: key.map(|key| key.id.to_string()),
    };
    writer.send(&started).await?;
    let (input, complaints) = Input::new(gateway, sandbox, &program.process, program.pty);
    let relay = Relay::new(gateway, sandbox, program);
    tokio::select! {
        written = write(relay, gateway.limits().silence, complaints, writer) => written,
        cut = input.take(reader) => Err(cut),
    }
}

/// Runs what the first message says.
async fn start(
    gateway: &Gateway,
    sandbox: &SandboxId,
    key: &CommandKey,
    reader: &mut Reader,
) -> Result<Attached, Cut> {
    let Ok(first) = timeout(START, reader.next()).await else {
        let message = format!("no message of type \"start\" came within {START:?}");
        return Err(ApiError::new(Code::DeadlineExceeded, message).into());
    };
    let exec = match first?? {
        StreamRequest::Start(request) if request.background => {
            return Err(
                ApiError::invalid("a stream's program runs on without it: leave background out").into(),
            );
        }
        StreamRequest::Start(request) => Exec::from(request),
        _ => return Err(ApiError::invalid("the first message is of type \"start\"").into()),
    };
    let (process, admitted) = gateway.exec(sandbox, key, &exec).await?;
    Ok(Attached {
        process,
        admitted,
        timeout_sec: exec.timeout_sec,
        pty: exec.pty.is_some(),
        cursor: Cursor::default(),
    })
}

/// Tells the client what the program writes until it has ended, and what goes wrong meanwhile.
async fn write(
    mut relay: Relay,
    silence: Duration,
    mut complaints: mpsc::Receiver<ApiError>,
    writer: &mut Writer,
) -> Result<(), Cut> {
    let mut pings = interval(silence / PINGS);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            biased;
            _ = pings.tick() => {
                writer.ping().await?;
                continue;
            }
            Some(error) = complaints.recv() => Told::Some(vec![error.into()]),
            told = relay.next() => told?,
        };
        let (Told::Some(messages) | Told::Last(messages)) = &told;
        for message in messages {
            writer.send(message).await?;
        }
        if matches!(told, Told::Last(_)) {
            return Ok(());
        }
    }
}
