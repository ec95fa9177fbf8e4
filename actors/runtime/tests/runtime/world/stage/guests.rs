//! Guests as one life of a host sees them.

use std::net::IpAddr;

use async_trait::async_trait;
use roost_runtime::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};
use roost_schemas::{ProcessId, SandboxId};

use super::Stage;

#[async_trait]
impl Guests for Stage {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        self.pass("greet").await;
        self.machine.greet(address, greeting).await
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        self.pass("await").await;
        self.machine.await_boot(address).await
    }

    async fn quiesce(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        self.pass("quiesce").await;
        self.machine.quiesce(address, sandbox).await
    }

    async fn wake(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        self.pass("wake").await;
        self.machine.wake(address, sandbox).await
    }

    async fn follow(
        &self,
        address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        self.pass("follow").await;
        self.machine.follow(address, sandbox, process).await
    }

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        self.pass("run").await;
        self.machine.run(address, sandbox, program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        self.pass("audit").await;
        self.machine.audit(address, sandbox).await
    }
}
