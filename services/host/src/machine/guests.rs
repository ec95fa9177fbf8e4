//! Guests, by the envd protocol over HTTP/1.1.

mod audit;
mod greet;
mod run;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use roost_runtime::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};
use roost_schemas::token::TokenKey;
use roost_schemas::{ProcessId, SandboxId};

/// The guests of this host.
#[derive(Debug, Clone)]
pub struct RealGuests {
    /// How long a guest may take from its engine's start to its first answer.
    pub boot_patience: Duration,
    /// From which each guest's access token is derived.
    pub tokens: TokenKey,
}

#[async_trait]
impl Guests for RealGuests {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        greet::until_ready(address, self.boot_patience).await?;
        greet::init(address, greeting, &self.tokens.access(&greeting.sandbox)).await
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        greet::until_ready(address, self.boot_patience).await
    }

    async fn quiesce(&self, _address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        Err(Fault::new(
            "let the guest come to rest",
            format!("{sandbox}: snapshots are not kept yet"),
        ))
    }

    async fn wake(&self, _address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        Err(Fault::new(
            "wake the guest",
            format!("{sandbox}: snapshots are not kept yet"),
        ))
    }

    async fn follow(
        &self,
        _address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        Err(Fault::new(
            "follow the program",
            format!("{process} in {sandbox}: snapshots are not kept yet"),
        ))
    }

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        run::run(address, &self.tokens.access(sandbox), program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        audit::connect(address, &self.tokens.access(sandbox)).await
    }
}
