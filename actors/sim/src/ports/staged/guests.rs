//! Guests: they fall silent, and connections to them break.

use std::net::IpAddr;

use async_trait::async_trait;
use futures::StreamExt;
use roost_journal::memory::Passage;
use roost_runtime::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};
use roost_schemas::{ProcessId, SandboxId};

use super::Staged;
use crate::faults::Kind;

#[async_trait]
impl Guests for Staged {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        let greet = self.machine.greet(address, greeting);
        self.step(Kind::Guest, "greet", &greeting.sandbox, greet).await
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        self.step(Kind::Guest, "await", address, self.machine.await_boot(address))
            .await
    }

    async fn quiesce(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        let quiesce = self.machine.quiesce(address, sandbox);
        self.step(Kind::Guest, "quiesce", sandbox, quiesce).await
    }

    async fn wake(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        let wake = self.machine.wake(address, sandbox);
        self.step(Kind::Guest, "wake", sandbox, wake).await
    }

    async fn follow(
        &self,
        address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        let follow = self.machine.follow(address, sandbox, process);
        let outputs = self.step(Kind::Guest, "follow guest", process, follow).await?;
        Ok(self.heard(process, outputs))
    }

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        let run = self.machine.run(address, sandbox, program);
        let outputs = self.step(Kind::Guest, "run", &program.process, run).await?;
        Ok(self.heard(&program.process, outputs))
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        let audit = self.machine.audit(address, sandbox);
        let AuditFeed { notices, answers } = self.step(Kind::Guest, "audit", sandbox, audit).await?;
        let (link, about) = (self.link.clone(), sandbox.to_string());
        let notices = notices.then(move |notice| {
            let (link, about) = (link.clone(), about.clone());
            async move {
                link.turn(Kind::Item, "notice", about).await;
                link.took_effect().await;
                notice
            }
        });
        Ok(AuditFeed {
            notices: notices.boxed(),
            answers,
        })
    }
}

impl Staged {
    /// What is heard over a connection, until it breaks.
    fn heard(&self, process: &ProcessId, outputs: Outputs) -> Outputs {
        let connection = Some((outputs, self.link.clone(), process.to_string()));
        let heard = futures::stream::unfold(connection, |connection| async {
            let (mut outputs, link, about) = connection?;
            let output = outputs.next().await?;
            let passage = link.turn(Kind::Output, "output", about.clone()).await;
            link.took_effect().await;
            if passage == Passage::Lost {
                return Some((Err(Fault::new("read the output", "the connection broke")), None));
            }
            Some((output, Some((outputs, link, about))))
        });
        heard.boxed()
    }
}
