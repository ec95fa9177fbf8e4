//! Carrying a program's output from the guest to the `OUTPUT` stream, and its end to the log.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::Peekable;
use futures::{FutureExt, StreamExt};
use ractor::ActorRef;
use roost_domain::sandbox::ProcessEnd;
use roost_schemas::command::Exec;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Channel, Frame, MAX_CHUNK, MAX_KEPT};
use roost_schemas::{Generation, Owner, ProcessId, Sequence};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outlet::Outlet;
use super::state::{Arguments, State};
use super::{Message, Report};
use crate::host::Context;
use crate::port::{Fault, Output, Outputs, Program};

/// How much later than a program's own deadline its guest may tell of its end before nobody believes in it.
const GRACE: Duration = Duration::from_secs(10);

/// Carries one program.
pub(super) struct Carrier {
    context: Arc<Context>,
    owner: Owner,
    process: ProcessId,
    outlet: Outlet,
    myself: ActorRef<Message>,
    /// The program's sandbox has ended. A VM that is destroyed closes no connection, so nobody else would say so.
    cut: CancellationToken,
}

impl State {
    /// Runs an admitted program, once.
    pub(super) fn carry(&mut self, process: ProcessId, exec: Exec) {
        let Some(sandbox) = self.known() else { return };
        // A repeated command finds its program carried, or over, or left by an earlier life that may have begun it.
        if !sandbox.processes.contains_key(&process)
            || self.carried.contains(&process)
            || self.orphans.contains(&process)
        {
            return;
        }
        let carrier = self.carrier(&process, sandbox.generation());
        self.carried.insert(process);
        tokio::spawn(carrier.run(exec));
    }

    pub(super) fn carrier(&self, process: &ProcessId, generation: Generation) -> Carrier {
        let Arguments {
            tenant,
            sandbox,
            context,
            ..
        } = &self.args;
        Carrier {
            context: Arc::clone(context),
            owner: self.owner(generation),
            process: process.clone(),
            outlet: Outlet::new(
                Arc::clone(context),
                tenant.clone(),
                sandbox.clone(),
                process.clone(),
            ),
            myself: self.myself.clone(),
            cut: self.programs.clone(),
        }
    }
}

/// What a stream has written, and how much of it was kept.
#[derive(Default)]
struct Tally {
    written: u64,
}

/// Both streams of a program; a terminal counts as the first.
#[derive(Default)]
struct Tallies {
    stdout: Tally,
    stderr: Tally,
}

impl Tallies {
    fn of(&mut self, channel: Channel) -> &mut Tally {
        match channel {
            Channel::Stdout | Channel::Pty => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        }
    }
}

impl Carrier {
    async fn run(self, exec: Exec) {
        let begin = Instant::now();
        let patience = Duration::from_secs(exec.timeout_sec.into()) + GRACE;
        let mut tallies = Tallies::default();
        let unknown = |reason| ExitStatus::Unknown { reason };
        let status = tokio::select! {
            biased;
            relayed = self.relay(exec, &mut tallies) => {
                relayed.unwrap_or_else(|fault| unknown(fault.to_string()))
            }
            () = tokio::time::sleep(patience) => unknown(format!("the guest told of no end within {patience:?}")),
            () = self.cut.cancelled() => unknown("the sandbox ended".to_owned()),
        };
        let end = ProcessEnd {
            process: self.process.clone(),
            status,
            duration_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            stdout_bytes: tallies.stdout.written,
            stderr_bytes: tallies.stderr.written,
        };
        self.finish(end).await;
    }

    async fn relay(&self, exec: Exec, tallies: &mut Tallies) -> Result<ExitStatus, Fault> {
        let slot = self.context.slots.find(&self.owner).await?;
        let slot = slot.ok_or_else(|| Fault::new("find the guest", "the sandbox has no slot any more"))?;
        let Exec {
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
            stdin,
            pty,
        } = exec;
        let program = Program {
            process: self.process.clone(),
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
            stdin,
            pty,
        };
        let mut outputs = self
            .context
            .guests
            .run(slot.address, &self.owner.sandbox, &program)
            .await?
            .peekable();
        let mut number = 0;
        while let Some(output) = outputs.next().await {
            match output? {
                Output::End(status) => return Ok(status),
                Output::Lost(channel, bytes) => tallies.of(channel).written += bytes,
                Output::Data(channel, data) => {
                    let data = gather(&mut outputs, channel, data);
                    for frame in tallies.of(channel).frames(channel, &data) {
                        self.outlet.publish(number, &frame).await;
                        number += 1;
                    }
                }
            }
        }
        Err(Fault::new(
            "follow the program",
            "the guest closed the connection before it told how the program ended",
        ))
    }

    /// Records the end in the log, then tells those who read the output.
    pub(super) async fn finish(self, end: ProcessEnd) {
        let (recorded, sequence) = oneshot::channel::<Sequence>();
        let report = Report::ProcessEnded {
            end: end.clone(),
            recorded,
        };
        if self.myself.send_message(report.into()).is_err() {
            return;
        }
        // Without an answer the actor was restarted: it closes the program itself.
        let Ok(sequence) = sequence.await else { return };
        self.outlet.end(end, sequence).await;
    }
}

/// `first`, and what else has arrived on `channel` meanwhile: a program that writes byte by byte must not cost a stored
/// message for each.
fn gather(outputs: &mut Peekable<Outputs>, channel: Channel, first: Bytes) -> Bytes {
    let is_more =
        |output: &Result<Output, Fault>| matches!(output, Ok(Output::Data(other, _)) if *other == channel);
    let mut all = BytesMut::new();
    while first.len().max(all.len()) < MAX_CHUNK
        && let Some(Some(Ok(Output::Data(_, more)))) = Pin::new(&mut *outputs).next_if(is_more).now_or_never()
    {
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&more);
    }
    if all.is_empty() { first } else { all.freeze() }
}

impl Tally {
    /// The frames for `data`, as far as it is kept; all of it is counted.
    fn frames(&mut self, channel: Channel, data: &Bytes) -> Vec<Frame> {
        let room = usize::try_from(MAX_KEPT.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let kept = &data[..data.len().min(room)];
        let mut offset = self.written;
        self.written += data.len() as u64;
        let frame = |chunk: &[u8]| {
            let frame = Frame::Data {
                channel,
                offset,
                data: chunk.to_vec(),
            };
            offset += chunk.len() as u64;
            frame
        };
        kept.chunks(MAX_CHUNK).map(frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_beyond_the_bound_is_counted_not_kept() {
        let mut tally = Tally {
            written: MAX_KEPT - 10,
        };
        let frames = tally.frames(Channel::Stdout, &Bytes::from(vec![7; 100]));
        let [Frame::Data { offset, data, .. }] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert_eq!(
            (*offset, data.len(), tally.written),
            (MAX_KEPT - 10, 10, MAX_KEPT + 90)
        );
        assert!(
            tally
                .frames(Channel::Stdout, &Bytes::from_static(b"x"))
                .is_empty()
        );
        assert_eq!(tally.written, MAX_KEPT + 91);
    }

    #[test]
    fn what_the_guest_lost_is_counted_and_leaves_a_gap() {
        let mut tally = Tally::default();
        tally.frames(Channel::Pty, &Bytes::from_static(b"abc"));
        tally.written += 10;
        let frames = tally.frames(Channel::Pty, &Bytes::from_static(b"d"));
        assert!(
            matches!(frames[..], [Frame::Data { offset: 13, .. }]),
            "{frames:?}"
        );
    }

    #[test]
    fn large_output_is_cut_into_frames_without_gaps() {
        let frames = Tally::default().frames(Channel::Stderr, &Bytes::from(vec![1; MAX_CHUNK * 2 + 1]));
        let offsets: Vec<_> = frames
            .iter()
            .map(|frame| match frame {
                Frame::Data { offset, data, .. } => (*offset, data.len()),
                Frame::End { .. } => panic!("no end was asked for"),
            })
            .collect();
        let chunk = MAX_CHUNK as u64;
        assert_eq!(offsets, [(0, MAX_CHUNK), (chunk, MAX_CHUNK), (2 * chunk, 1)]);
    }
}
