//! What a program writes beyond what `OUTPUT` keeps: read from its agent, for as long as somebody follows it.
//!
//! The agent replays what it still holds, tells how much it does not, and lets the program wait for its slowest reader;
//! so offsets are the same as in `OUTPUT`, and a client that reads on misses nothing.

use std::time::Duration;

use bytes::Bytes;
use connectrpc::ErrorCode;
use futures::StreamExt;
use futures::stream::BoxStream;
use roost_domain::sandbox::Phase;
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::ProcessEvent;
use roost_schemas::output::Channel;
use roost_schemas::{ProcessId, SandboxId};
use tokio::time::sleep;

use super::Cursor;
use crate::guest::{Events, Program};
use crate::state::Gateway;

/// The pause before a connection that broke is made again, and how often that is tried without any success.
const RETRY: (Duration, u32) = (Duration::from_millis(500), 20);

/// How long a paused sandbox is watched at a time.
const PAUSED_LOOK: Duration = Duration::from_mins(1);

/// Output of one channel, and where it begins there.
pub(super) type Piece = (Channel, u64, Bytes);

/// The pieces of `process`, until it has ended or its agent cannot be reached any more.
pub(super) fn pieces(
    gateway: &Gateway,
    sandbox: &SandboxId,
    process: &ProcessId,
) -> BoxStream<'static, Piece> {
    let live = Live {
        gateway: gateway.clone(),
        sandbox: sandbox.clone(),
        program: Program::Id(process.clone()),
        events: None,
        read: Cursor::default(),
        failures: 0,
    };
    futures::stream::unfold(live, async |mut live| Some((live.next().await?, live))).boxed()
}

struct Live {
    gateway: Gateway,
    sandbox: SandboxId,
    program: Program,
    events: Option<Events>,
    /// What this connection has told, gaps and all: each begins at the program's beginning.
    read: Cursor,
    failures: u32,
}

impl Live {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            let Some(events) = &mut self.events else {
                self.connect().await?;
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => match self.piece(event) {
                    Step::Piece(piece) => return Some(piece),
                    Step::Nothing => {}
                    Step::End => return None,
                },
                Some(Err(error)) => self.broke(&error).await?,
                None => self.broke(&"it ended early").await?,
            }
        }
    }

    /// Connects, unless there is nothing to connect to any more. Who follows a program has its sandbox pause like any
    /// other, and reads on when somebody resumes it.
    async fn connect(&mut self) -> Option<()> {
        while !stands_up(&self.gateway, &self.sandbox).await? {}
        let agent = self.gateway.running_agent(&self.sandbox).ok()?;
        match agent.follow(&self.program).await {
            Ok(events) => {
                self.events = Some(events);
                self.read = Cursor::default();
                Some(())
            }
            Err(error) if error.code == ErrorCode::NotFound => None,
            Err(error) => self.broke(&error).await,
        }
    }

    async fn broke(&mut self, error: &(dyn std::fmt::Display + Sync)) -> Option<()> {
        let (pause, tries) = RETRY;
        tracing::debug!(sandbox = %self.sandbox, %error, "following a program at its agent");
        self.events = None;
        self.failures += 1;
        if self.failures > tries {
            return None;
        }
        sleep(pause).await;
        Some(())
    }

    fn piece(&mut self, event: ProcessEvent) -> Step {
        let (channel, data) = match event.event {
            Some(Event::Data(data)) => match data.output {
                Some(data_event::Output::Stdout(data)) => (Channel::Stdout, data),
                Some(data_event::Output::Stderr(data)) => (Channel::Stderr, data),
                Some(data_event::Output::Pty(data)) => (Channel::Pty, data),
                None => return Step::Nothing,
            },
            Some(Event::Keepalive(marker)) => {
                self.read.stdout += marker.stdout_dropped;
                self.read.stderr += marker.stderr_dropped;
                self.read.pty += marker.pty_dropped;
                return Step::Nothing;
            }
            Some(Event::End(_)) => return Step::End,
            Some(Event::Start(_)) | None => return Step::Nothing,
        };
        self.failures = 0;
        let offset = self.read.advance(channel, data.len() as u64);
        Step::Piece((channel, offset, data))
    }
}

/// Waits for a while until a sandbox is not paused any more; whether it is not.
async fn stands_up(gateway: &Gateway, sandbox: &SandboxId) -> Option<bool> {
    let stands = gateway.until(PAUSED_LOOK, |fleet| {
        let view = fleet.sandbox(gateway.tenant(), sandbox)?;
        let pauses = matches!(view.state.phase, Phase::Pausing | Phase::Paused | Phase::Resuming);
        (!pauses).then_some(())
    });
    Some(stands.await.ok()?.is_some())
}

/// What an event comes to.
enum Step {
    Piece(Piece),
    Nothing,
    End,
}
