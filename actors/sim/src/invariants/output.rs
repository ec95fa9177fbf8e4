//! What stands in `OUTPUT`, held against what programs write.

use futures::FutureExt;
use roost_journal::port::OutputLog;
use roost_schemas::ProcessId;
use roost_schemas::command::{Exec, SandboxCommand};
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;

use super::{broken, rule};
use crate::record::{Diary, Sending};
use crate::world::{Violation, World};

/// Frames may be missing, where the stream was out of reach for long; what is there is right, and there once.
pub(super) fn check(world: &World, diary: &Diary) -> Result<(), Violation> {
    for sending in diary.find(|_| true) {
        if let Some(SandboxCommand::Exec(exec)) = &sending.command {
            let subject = subject(&sending);
            let stored = world.memory().output();
            let stored = stored.stored(&subject).now_or_never().and_then(Result::ok);
            if let Err(detail) = right(&stored.unwrap_or_default(), &written(exec)) {
                return broken(rule::OUTPUT, format!("{subject}, {exec:?}: {detail}"));
            }
        }
    }
    Ok(())
}

fn subject(sending: &Sending) -> OutputSubject {
    let sandbox = sending.subject.sandbox.clone();
    OutputSubject {
        tenant: sending.subject.tenant.clone(),
        process: ProcessId::from_command(&sandbox, &sending.message.command_id),
        sandbox,
    }
}

/// What a program of a guest in memory writes.
fn written(exec: &Exec) -> Vec<u8> {
    match exec.cmd.as_str() {
        "echo" => (exec.args.join(" ") + "\n").into_bytes(),
        "chatter" => {
            let times = exec.args.first().and_then(|times| times.parse().ok());
            vec![b'.'; times.unwrap_or_default()]
        }
        _ => Vec::new(),
    }
}

fn right(frames: &[Frame], written: &[u8]) -> Result<(), String> {
    let mut next = 0;
    for (place, frame) in frames.iter().enumerate() {
        match frame {
            Frame::Data { offset, data, .. } => {
                let begins = usize::try_from(*offset).unwrap_or(usize::MAX);
                let ends = begins.saturating_add(data.len());
                if begins < next || written.get(begins..ends) != Some(data) {
                    return Err(format!("{data:?} stands at {offset}, where {next} comes next"));
                }
                next = ends;
            }
            Frame::End { .. } if place + 1 == frames.len() => {}
            Frame::End { .. } => return Err("something follows its end".to_owned()),
        }
    }
    Ok(())
}
