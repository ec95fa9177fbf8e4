//! Carrying a program's output from the guest to the `OUTPUT` stream, and its end to the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use ractor::ActorRef;
use roost_domain::sandbox::ProcessEnd;
use roost_schemas::command::Exec;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Channel, Frame, MAX_CHUNK, MAX_KEPT};
use roost_schemas::subject::OutputSubject;
use roost_schemas::{Generation, Owner, ProcessId, Sequence};
use tokio::sync::oneshot;

use super::state::State;
use super::{Message, Report};
use crate::host::Context;
use crate::port::{Fault, Output, Program};

/// How much later than a program's own deadline its guest may tell of its end before nobody believes in it.
const GRACE: Duration = Duration::from_secs(10);
/// How long and how often an output stream that does not answer is asked again.
const RETRY: (Duration, u32) = (Duration::from_millis(250), 120);
/// The number of the last frame, whatever the number of those before: so it can be published by who never saw them.
const END: u64 = u64::MAX;

/// Carries one program.
pub(super) struct Carrier {
    context: Arc<Context>,
    owner: Owner,
    subject: OutputSubject,
    myself: ActorRef<Message>,
}

impl State {
    /// Runs an admitted program, once.
    pub(super) fn carry(&mut self, process: ProcessId, exec: Exec) {
        let Some(sandbox) = self.known() else { return };
        // A repeated command finds its program carried, or over.
        if !sandbox.processes.contains(&process) || self.carried.contains(&process) {
            return;
        }
        let carrier = self.carrier(&process, sandbox.generation());
        self.carried.insert(process);
        tokio::spawn(carrier.run(exec));
    }

    pub(super) fn carrier(&self, process: &ProcessId, generation: Generation) -> Carrier {
        Carrier {
            context: Arc::clone(&self.args.context),
            owner: self.owner(generation),
            subject: OutputSubject {
                tenant: self.args.tenant.clone(),
                sandbox: self.args.sandbox.clone(),
                process: process.clone(),
            },
            myself: self.myself.clone(),
        }
    }
}

/// What a stream has written, and how much of it was kept.
#[derive(Default)]
struct Tally {
    written: u64,
}

impl Carrier {
    async fn run(self, exec: Exec) {
        let begin = Instant::now();
        let patience = Duration::from_secs(exec.timeout_sec.into()) + GRACE;
        let (mut stdout, mut stderr) = (Tally::default(), Tally::default());
        let outcome = tokio::time::timeout(patience, self.relay(exec, &mut stdout, &mut stderr)).await;
        let status = match outcome {
            Ok(Ok(status)) => status,
            Ok(Err(fault)) => ExitStatus::Unknown {
                reason: fault.to_string(),
            },
            Err(_) => ExitStatus::Unknown {
                reason: format!("the guest told of no end within {patience:?}"),
            },
        };
        let end = ProcessEnd {
            process: self.subject.process.clone(),
            status,
            duration_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            stdout_bytes: stdout.written,
            stderr_bytes: stderr.written,
        };
        self.finish(end).await;
    }

    async fn relay(&self, exec: Exec, stdout: &mut Tally, stderr: &mut Tally) -> Result<ExitStatus, Fault> {
        let slot = self.context.slots.find(&self.owner).await?;
        let slot = slot.ok_or_else(|| Fault::new("find the guest", "the sandbox has no slot any more"))?;
        let Exec {
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
        } = exec;
        let program = Program {
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
        };
        let mut outputs = self.context.guests.run(slot.address, &program).await?;
        let mut number = 0;
        while let Some(output) = outputs.next().await {
            let (channel, data) = match output? {
                Output::End(status) => return Ok(status),
                Output::Data(channel, data) => (channel, data),
            };
            let tally = match channel {
                Channel::Stdout => &mut *stdout,
                Channel::Stderr => &mut *stderr,
            };
            for frame in tally.frames(channel, &data) {
                self.publish(number, &frame).await;
                number += 1;
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
        let ProcessEnd {
            status,
            duration_ms,
            stdout_bytes,
            stderr_bytes,
            ..
        } = end;
        self.publish(
            END,
            &Frame::End {
                status,
                duration_ms,
                stdout_bytes,
                stderr_bytes,
                sequence,
            },
        )
        .await;
    }

    /// Publishes a frame; the guest waits meanwhile, so a slow stream costs no memory.
    async fn publish(&self, number: u64, frame: &Frame) {
        let (pause, tries) = RETRY;
        for _ in 0..tries {
            match self.context.output.publish(&self.subject, number, frame).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(output = %self.subject, number, %error, "output has to wait"),
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!(output = %self.subject, number, "a frame of output is given up; its reader sees the gap");
    }
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
