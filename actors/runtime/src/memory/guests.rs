//! Guests in memory, as their host speaks to them.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use roost_schemas::audit::Answer;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;
use roost_schemas::{Owner, ProcessId, SandboxId};
use tokio::sync::mpsc;

use super::places::slot;
use super::{Inner, Machine};
use crate::port::{AuditFeed, Fault, Greeting, Guests, Output, Outputs, Program};

impl Inner {
    /// Whose engine runs at `address`; fails if none does, or if it stands still.
    fn connect(&self, address: IpAddr) -> Result<Owner, Fault> {
        const STEP: &str = "connect to the guest";
        let at = |owner: &Owner| {
            self.slots
                .get(owner)
                .is_some_and(|number| slot(*number).address == address)
        };
        let fenced = self.is_fenced();
        match self.engines.iter().find(|(owner, _)| at(owner)) {
            Some((_, engine)) if engine.paused || fenced => {
                Err(Fault::timed_out(STEP, format!("nothing moves at {address}")))
            }
            Some((owner, _)) => Ok(owner.clone()),
            None => Err(Fault::new(STEP, format!("nothing answers at {address}"))),
        }
    }
}

impl Machine {
    /// What `process` does in the VM of `owner`, from its beginning. A VM that stands still or is gone says nothing.
    fn outputs(&self, owner: Owner, process: ProcessId) -> Outputs {
        let machine = self.clone();
        let changes = self.changes.subscribe();
        let start = Some((machine, changes, 0));
        let outputs = futures::stream::unfold(start, move |reader| {
            let (owner, process) = (owner.clone(), process.clone());
            async move {
                let (machine, mut changes, next) = reader?;
                loop {
                    changes.mark_unchanged();
                    if let Some(output) = machine.output(&owner, &process, next) {
                        let ended = matches!(output, Output::End(_));
                        return Some((Ok(output), (!ended).then_some((machine, changes, next + 1))));
                    }
                    // The sender lives in the machine.
                    let _ = changes.changed().await;
                }
            }
        });
        outputs.boxed()
    }

    fn output(&self, owner: &Owner, process: &ProcessId, number: usize) -> Option<Output> {
        let mut inner = self.lock();
        let engine = inner.moving(owner).ok()?;
        engine.guest.outputs(process)?.get(number).cloned()
    }
}

#[async_trait]
impl Guests for Machine {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        let hangs = {
            let mut inner = self.step("greet")?;
            let owner = inner.connect(address)?;
            let hangs = inner.hanging_greetings;
            let guest = &mut inner.engine(&owner)?.guest;
            if guest.nameless != greeting.restored {
                return Err(Fault::new(
                    "greet the guest",
                    format!("{owner} does not know itself"),
                ));
            }
            if !hangs {
                (guest.nameless, guest.quiet) = (false, false);
            }
            hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        self.changed();
        Ok(())
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        self.step("await")?.connect(address).map(drop)
    }

    async fn quiesce(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<(), Fault> {
        let mut inner = self.step("quiesce")?;
        let owner = inner.connect(address)?;
        inner.engine(&owner)?.guest.quiet = true;
        Ok(())
    }

    async fn wake(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<(), Fault> {
        let mut inner = self.step("wake")?;
        let owner = inner.connect(address)?;
        inner.engine(&owner)?.guest.quiet = false;
        Ok(())
    }

    async fn follow(
        &self,
        address: IpAddr,
        _sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        let mut inner = self.step("follow")?;
        let owner = inner.connect(address)?;
        if inner.engine(&owner)?.guest.outputs(process).is_none() {
            return Err(Fault::new(
                "follow the program",
                format!("the guest does not know {process}"),
            ));
        }
        Ok(self.outputs(owner, process.clone()))
    }

    /// Knows what [`super::guest::Guest::run`] does, and `flood`, which writes as many bytes as its argument says and is
    /// not known afterwards.
    async fn run(&self, address: IpAddr, _sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        let mut inner = self.step("run")?;
        let owner = inner.connect(address)?;
        if program.cmd == "flood" {
            let bytes = program.args.first().and_then(|bytes| bytes.parse().ok());
            return Ok(flood(bytes.unwrap_or_default()).boxed());
        }
        inner.engine(&owner)?.guest.run(program);
        *inner.marks.ran.entry(program.process.clone()).or_default() += 1;
        Ok(self.outputs(owner, program.process.clone()))
    }

    /// What [`Machine::tell_host`] was given.
    async fn audit(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        let (owner, mut notices) = {
            let mut inner = self.step("audit")?;
            let owner = inner.connect(address)?;
            let notices = inner.agents.entry(owner.clone()).or_default().connect();
            (owner, notices)
        };
        let (answers, mut taken) = mpsc::channel::<Answer>(1);
        let machine = self.clone();
        tokio::spawn(async move {
            while let Some(answer) = taken.recv().await {
                if let Some(agent) = machine.lock().agents.get_mut(&owner) {
                    agent.take(answer);
                }
            }
        });
        Ok(AuditFeed {
            notices: futures::stream::poll_fn(move |context| notices.poll_recv(context)).boxed(),
            answers,
        })
    }
}

/// A program that writes `bytes` to standard output, a piece whenever it is asked for one.
fn flood(bytes: usize) -> impl Stream<Item = Result<Output, Fault>> {
    const PIECE: usize = 64 * 1024;
    let pieces = (0..bytes.div_ceil(PIECE)).map(move |n| {
        let piece = vec![b'x'; PIECE.min(bytes - n * PIECE)];
        Ok(Output::Data(Channel::Stdout, Bytes::from(piece)))
    });
    let end = [Ok(Output::End(ExitStatus::Exited { code: 0 }))];
    futures::stream::iter(pieces.chain(end))
}
