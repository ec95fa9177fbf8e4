//! Bringing a program's two sources together: `OUTPUT`, which keeps the first bytes of each channel, and its agent, which
//! has the latest.
//!
//! ```text
//!   bytes of a channel   0 ─────────────── MAX_KEPT ─────────────────▶
//!   OUTPUT               ██████████████████
//!   the agent                     ░░░░░░░░░████████████████████████████
//! ```
//!
//! The agent is asked well before it is needed. A piece of it that runs ahead waits until `OUTPUT` has come there: the
//! agent lets the program wait meanwhile.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use roost_schemas::output::{Frame, MAX_KEPT};
use roost_schemas::{ProcessId, SandboxId};
use tokio::time::{Instant, sleep_until};

use super::Cursor;
use super::live::{Piece, pieces};
use super::serve::Attached;
use crate::dto::stream::{End, StreamMessage};
use crate::error::ApiError;
use crate::exec::Follow;
use crate::state::Gateway;

/// From where on the agent is asked: soon, because on a busy machine this client may be megabytes behind a program that
/// nobody lets wait.
const NEAR: u64 = MAX_KEPT / 8;
/// How long the agent may take for what it still has of a program that has ended.
const REST: Duration = Duration::from_secs(5);

/// What the client is to be told next.
pub(super) enum Told {
    /// This, and more will come.
    Some(Vec<StreamMessage>),
    /// This, and then nothing.
    Last(Vec<StreamMessage>),
}

/// See the module.
pub(super) struct Relay {
    gateway: Gateway,
    sandbox: SandboxId,
    process: ProcessId,
    pty: bool,
    cursor: Cursor,
    frames: Follow,
    live: Source,
    /// A piece of the agent's that runs ahead.
    early: Option<Piece>,
    end: Option<Ended>,
}

/// The agent, as a source.
enum Source {
    /// It is not needed yet.
    Unasked,
    /// It is read.
    Open(BoxStream<'static, Piece>),
    /// It has no more, or cannot be reached.
    Over,
}

/// The last frame, which waits for what the agent still has.
struct Ended {
    end: End,
    written: [u64; 2],
    rest_by: Instant,
}

impl Relay {
    pub(super) fn new(gateway: &Gateway, sandbox: &SandboxId, program: Attached) -> Self {
        let Attached {
            process,
            admitted,
            timeout_sec,
            pty,
            cursor,
        } = program;
        let patience = gateway.patience(timeout_sec);
        Self {
            gateway: gateway.clone(),
            sandbox: sandbox.clone(),
            frames: Follow::new(gateway, sandbox, &process, admitted, patience),
            process,
            pty,
            cursor,
            live: Source::Unasked,
            early: None,
            end: None,
        }
    }

    /// What is to be told next. Nothing is lost when the wait for it is given up.
    pub(super) async fn next(&mut self) -> Result<Told, ApiError> {
        loop {
            if let Some((channel, offset, data)) = self
                .early
                .take_if(|early| !waits(&self.cursor, self.end.is_some(), early))
            {
                return Ok(Told::Some(self.cursor.data(channel, offset, &data)));
            }
            if matches!(self.live, Source::Unasked) && self.cursor.furthest() >= NEAR {
                self.live = Source::Open(pieces(&self.gateway, &self.sandbox, &self.process));
            }
            let Source::Open(live) = &mut self.live else {
                match self.end.take() {
                    Some(ended) => return Ok(Told::Last(self.last(ended))),
                    None => return self.frames.next().await.map(|frame| self.frame(frame)),
                }
            };
            let rest_by = self.end.as_ref().map(|ended| ended.rest_by);
            tokio::select! {
                frame = self.frames.next(), if rest_by.is_none() => return frame.map(|frame| self.frame(frame)),
                piece = live.next(), if self.early.is_none() => match piece {
                    Some(piece) => {
                        if let Some(ended) = &mut self.end {
                            ended.rest_by = Instant::now() + REST;
                        }
                        self.early = Some(piece);
                    }
                    None => self.live = Source::Over,
                },
                () = sleep_until(rest_by.unwrap_or_else(Instant::now)), if rest_by.is_some() => {
                    self.live = Source::Over;
                }
            }
        }
    }

    fn frame(&mut self, frame: Frame) -> Told {
        match frame {
            Frame::Data {
                channel,
                offset,
                data,
            } => Told::Some(self.cursor.data(channel, offset, &data)),
            Frame::End {
                status,
                duration_ms,
                stdout_bytes,
                stderr_bytes,
                sequence,
            } => {
                let written = [stdout_bytes, stderr_bytes];
                self.end = Some(Ended {
                    end: End::new(status, duration_ms, written, sequence.0),
                    written,
                    rest_by: Instant::now() + REST,
                });
                Told::Some(Vec::new())
            }
        }
    }

    fn last(&mut self, ended: Ended) -> Vec<StreamMessage> {
        let mut messages = self.cursor.end(self.pty, ended.written);
        messages.push(StreamMessage::End(ended.end));
        messages
    }
}

/// Whether `OUTPUT` has yet to bring what lies before `early`.
fn waits(cursor: &Cursor, ended: bool, (channel, offset, _): &Piece) -> bool {
    !ended && cursor.at(*channel) < (*offset).min(MAX_KEPT)
}
