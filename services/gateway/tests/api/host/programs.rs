//! What programs do, by name.

use roost_domain::sandbox::{Command, ProcessEnd};
use roost_schemas::command::Exec;
use roost_schemas::event::{Cause, ExitStatus};
use roost_schemas::output::{Channel, Frame, MAX_CHUNK, MAX_KEPT};
use roost_schemas::subject::OutputSubject;
use roost_schemas::{ProcessId, SandboxId, Sequence};

use super::Script;

/// Bytes that `flood` writes to standard output.
pub(crate) const FLOOD: u64 = MAX_KEPT + 1000;

/// What a program wrote, and where its next frame goes.
struct Output<'a> {
    script: &'a Script,
    subject: OutputSubject,
    frames: u64,
    written: [u64; 2],
}

impl Output<'_> {
    async fn write(&mut self, channel: Channel, data: &[u8]) {
        let written = &mut self.written[channel as usize];
        let frame = Frame::Data {
            channel,
            offset: *written,
            data: data.to_vec(),
        };
        *written += data.len() as u64;
        self.publish(&frame).await;
    }

    async fn publish(&mut self, frame: &Frame) {
        self.script
            .ports
            .output
            .publish(&self.subject, self.frames, frame)
            .await
            .unwrap();
        self.frames += 1;
    }

    async fn end(mut self, status: ExitStatus, sequence: Sequence) {
        let [stdout_bytes, stderr_bytes] = self.written;
        self.publish(&Frame::End {
            status,
            duration_ms: 7,
            stdout_bytes,
            stderr_bytes,
            sequence,
        })
        .await;
    }
}

impl Script {
    pub(super) async fn run(&self, id: &SandboxId, process: &ProcessId, exec: &Exec, admitted: Sequence) {
        let subject = OutputSubject {
            tenant: self.tenant.clone(),
            sandbox: id.clone(),
            process: process.clone(),
        };
        let mut output = Output {
            script: self,
            subject,
            frames: 0,
            written: [0, 0],
        };
        let status = match exec.cmd.as_str() {
            "false" => ExitStatus::Exited { code: 1 },
            "segfault" => ExitStatus::Signaled { signal: 11 },
            "slow" => ExitStatus::TimedOut,
            "missing" => ExitStatus::NotStarted {
                reason: "no such file".into(),
            },
            "unreachable" => ExitStatus::Unknown {
                reason: "the connection broke".into(),
            },
            "never" => return,
            "dies" => {
                output.write(Channel::Stdout, b"last words").await;
                let cause = Cause::EngineExited {
                    detail: "killed by signal 9".into(),
                };
                let generation = self.state(id).await.generation();
                self.report(id, Command::Vanished { generation, cause }).await;
                return;
            }
            "binary" => {
                output.write(Channel::Stdout, b"\xff\xfe\x00").await;
                output.write(Channel::Stderr, b"text").await;
                ExitStatus::Exited { code: 0 }
            }
            "flood" => {
                // Three bytes a character: the bound falls inside one.
                let text = "€".repeat(MAX_CHUNK / 3);
                while output.written[0] + (text.len() as u64) < MAX_KEPT {
                    output.write(Channel::Stdout, text.as_bytes()).await;
                }
                let rest = usize::try_from(MAX_KEPT - output.written[0]).unwrap();
                output.write(Channel::Stdout, &text.as_bytes()[..rest]).await;
                output.written[0] = FLOOD;
                ExitStatus::Exited { code: 0 }
            }
            // The words it was given, and on the other channel how often it has been run.
            _ => {
                output
                    .write(Channel::Stdout, exec.args.join(" ").as_bytes())
                    .await;
                output
                    .write(Channel::Stderr, admitted.to_string().as_bytes())
                    .await;
                ExitStatus::Exited { code: 0 }
            }
        };
        let [stdout_bytes, stderr_bytes] = output.written;
        let end = ProcessEnd {
            process: process.clone(),
            status: status.clone(),
            duration_ms: 7,
            stdout_bytes,
            stderr_bytes,
        };
        let sequence = self.report(id, Command::ProcessEnded(end)).await;
        if exec.cmd != "no-last-frame" {
            output.end(status, sequence).await;
        }
    }
}
