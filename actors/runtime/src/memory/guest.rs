//! What is in a VM's memory: its users' programs, and what they have written.

use std::collections::BTreeMap;

use bytes::Bytes;
use roost_schemas::ProcessId;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;

use crate::port::{Output, Program};

/// One guest. A snapshot has a copy of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Guest {
    /// Its users' programs stand still.
    pub quiet: bool,
    /// It woke from a snapshot, and has not been told yet who it is.
    pub nameless: bool,
    programs: BTreeMap<ProcessId, Vec<Output>>,
}

impl Guest {
    /// What a snapshot of it has.
    pub(super) fn frozen(&self) -> Self {
        Self {
            nameless: true,
            ..self.clone()
        }
    }

    /// Runs `program`. Knows `echo` (writes its arguments), `chatter` (writes as many bytes as its argument says, byte by
    /// byte), `false` (exit code 1) and `sleep` (writes what it is told to, and ends when it is told to).
    pub(super) fn run(&mut self, program: &Program) {
        let outputs = match program.cmd.as_str() {
            "echo" => vec![text(&(program.args.join(" ") + "\n")), ended(0)],
            "false" => vec![ended(1)],
            "chatter" => {
                let times = program.args.first().and_then(|times| times.parse().ok());
                std::iter::repeat_with(|| text("."))
                    .take(times.unwrap_or_default())
                    .chain([ended(0)])
                    .collect()
            }
            "sleep" => Vec::new(),
            other => vec![Output::End(ExitStatus::NotStarted {
                reason: format!("{other}: not found"),
            })],
        };
        self.programs.insert(program.process.clone(), outputs);
    }

    /// What `process` has done so far, unless it is not known.
    pub(super) fn outputs(&self, process: &ProcessId) -> Option<&Vec<Output>> {
        self.programs.get(process)
    }

    /// Lets `process` do something, if it can.
    pub(super) fn act(&mut self, process: &ProcessId, output: Output) {
        if let Some(outputs) = self.programs.get_mut(process).filter(|_| !self.quiet) {
            outputs.push(output);
        }
    }

    pub(super) fn forget(&mut self, process: &ProcessId) {
        self.programs.remove(process);
    }
}

pub(super) fn text(text: &str) -> Output {
    Output::Data(Channel::Stdout, Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn ended(code: i32) -> Output {
    Output::End(ExitStatus::Exited { code })
}
