//! Carrying a program's output from the guest to the `OUTPUT` stream, and its end to the log.
//!
//! ```text
//!   Exec ─▶ wait ──sandbox runs──▶ run, or follow ─▶ relay ──ended──▶ log ─▶ last frame
//!            ▲                                         │
//!            └──────── paused, or the actor attaches ──┘
//! ```
//!
//! A pause cuts the connection, not the program: after the resume its guest tells everything again that it has kept, and
//! what was relayed before is skipped by position. A life of the actor that did not carry a program from its beginning asks
//! `OUTPUT` how far it was relayed. So no byte is written twice, and what is missing shows in the offsets.

mod courses;
mod relay;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use roost_domain::sandbox::{Phase, ProcessEnd, Sandbox};
use roost_schemas::command::Exec;
use roost_schemas::event::ExitStatus;
use roost_schemas::{Generation, Owner, ProcessId, SandboxId};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::{Instrument, info_span};

use super::outlet::Outlet;
use super::state::{Arguments, State};
use super::{Message, Report};
use crate::host::Context;
use crate::port::Program;
pub(super) use courses::{Course, Courses};
use relay::Cut;
use tally::Tallies;

/// How much later than a program's own deadline its guest may tell of its end before nobody believes in it.
const GRACE: Duration = Duration::from_secs(10);

/// What a carrier begins with.
enum Begin {
    /// The program is to be run.
    Run(Box<Program>),
    /// It runs already.
    Follow,
}

/// Carries one program.
struct Carrier {
    context: Arc<Context>,
    sandbox: SandboxId,
    process: ProcessId,
    outlet: Outlet,
    myself: ActorRef<Message>,
    course: watch::Receiver<Course>,
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
        let patience = Duration::from_secs(exec.timeout_sec.into()) + GRACE;
        let begin = Begin::Run(Box::new(program(&process, exec)));
        self.set_out(process, begin, Some(patience));
    }

    /// Tells carriers where programs run now, and takes up those that an earlier life of this actor left running.
    pub(super) fn keep_programs(&mut self, sandbox: &Sandbox) {
        let course = match sandbox.phase {
            phase if phase.is_end() => Course::Over,
            Phase::Running if self.watch.is_some() => Course::Runs(sandbox.generation()),
            Phase::Running | Phase::Pausing | Phase::Paused | Phase::Resuming => Course::Held,
            // A program may still end by itself.
            _ => self.courses.now(),
        };
        self.courses.tell(course);
        if let Course::Runs(_) = course {
            for process in std::mem::take(&mut self.orphans) {
                self.set_out(process, Begin::Follow, None);
            }
        }
    }

    fn set_out(&mut self, process: ProcessId, begin: Begin, patience: Option<Duration>) {
        let Arguments {
            tenant,
            sandbox,
            context,
            ..
        } = &self.args;
        let carrier = Carrier {
            context: Arc::clone(context),
            sandbox: sandbox.clone(),
            process: process.clone(),
            outlet: Outlet::new(
                Arc::clone(context),
                tenant.clone(),
                sandbox.clone(),
                process.clone(),
            ),
            myself: self.myself.clone(),
            course: self.courses.of(&process),
        };
        let span = info_span!("program", %process);
        self.carried.insert(process);
        tokio::spawn(carrier.run(begin, patience).instrument(span));
    }
}

fn program(process: &ProcessId, exec: Exec) -> Program {
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
    Program {
        process: process.clone(),
        cmd,
        args,
        cwd,
        env,
        user,
        timeout_sec,
        stdin,
        pty,
    }
}

impl Carrier {
    async fn run(mut self, mut begin: Begin, mut patience: Option<Duration>) {
        let admitted = Instant::now();
        let mut tallies = match begin {
            Begin::Run(_) => Tallies::default(),
            Begin::Follow => Tallies::after(&self.outlet.stored().await),
        };
        let unknown = |reason| ExitStatus::Unknown { reason };
        let status = loop {
            let Some(generation) = self.placement().await else {
                break unknown("the sandbox ended".to_owned());
            };
            let owner = Owner {
                sandbox: self.sandbox.clone(),
                generation,
            };
            let connected = Instant::now();
            let deadline = patience.map(|patience| connected + patience);
            match self.relay(&owner, &mut begin, deadline, &mut tallies).await {
                Ok(status) => break status,
                Err(Cut::Moved) => {}
                // A pause may break a connection before this carrier hears of the pause.
                Err(Cut::Broken(_)) if self.has_moved(generation) => {}
                Err(Cut::Broken(fault)) => break unknown(fault.to_string()),
                Err(Cut::Late) => break unknown("the guest told of no end in time".to_owned()),
            }
            // Its own deadline stands still with the guest.
            patience = patience.map(|patience| patience.saturating_sub(connected.elapsed()));
        };
        let (stdout_bytes, stderr_bytes) = tallies.written();
        let end = ProcessEnd {
            process: self.process.clone(),
            status,
            duration_ms: u64::try_from(admitted.elapsed().as_millis()).unwrap_or(u64::MAX),
            stdout_bytes,
            stderr_bytes,
        };
        self.finish(end).await;
    }

    /// Waits until the sandbox runs; nothing when it never will.
    async fn placement(&mut self) -> Option<Generation> {
        let somewhere = self.course.wait_for(|course| *course != Course::Held).await;
        match *somewhere.ok()? {
            Course::Runs(generation) => Some(generation),
            Course::Held | Course::Over => None,
        }
    }

    fn has_moved(&self, generation: Generation) -> bool {
        *self.course.borrow() != Course::Runs(generation)
    }

    /// Records the end in the log, then tells those who read the output.
    async fn finish(self, end: ProcessEnd) {
        let (recorded, as_logged) = oneshot::channel();
        let report = Report::ProcessEnded { end, recorded };
        if self.myself.send_message(report.into()).is_err() {
            return;
        }
        // Without an answer the actor was restarted: it follows the program itself.
        let Ok((end, sequence)) = as_logged.await else {
            return;
        };
        self.outlet.end(end, sequence).await;
    }
}
