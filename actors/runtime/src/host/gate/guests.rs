//! Guests behind a fence.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use roost_schemas::{ProcessId, SandboxId};

use super::Gate;
use crate::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};

pub(super) struct Fenced {
    pub(super) gate: Gate,
    pub(super) guests: Arc<dyn Guests>,
}

#[async_trait]
impl Guests for Fenced {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        let greet = || self.guests.greet(address, greeting);
        self.gate.pass(greet).await
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        self.gate.pass(|| self.guests.await_boot(address)).await
    }

    async fn quiesce(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        let quiesce = || self.guests.quiesce(address, sandbox);
        self.gate.pass(quiesce).await
    }

    async fn wake(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        let wake = || self.guests.wake(address, sandbox);
        self.gate.pass(wake).await
    }

    async fn follow(
        &self,
        address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        let follow = || self.guests.follow(address, sandbox, process);
        self.gate.pass(follow).await
    }

    /// A program is asked for once: its guest may have begun it and not been able to say so. Whoever asked follows it.
    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        self.gate.open().await;
        self.guests.run(address, sandbox, program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        let audit = || self.guests.audit(address, sandbox);
        self.gate.pass(audit).await
    }
}
