//! Guests, by the envd protocol over HTTP/1.1.

mod audit;
mod call;
mod follow;
mod greet;
mod outputs;
mod rest;
mod run;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use roost_runtime::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};
use roost_schemas::token::TokenKey;
use roost_schemas::{ProcessId, SandboxId};

/// How long a guest may take from its vCPUs' first step after a restore to taking a connection.
const RESTORE_PATIENCE: Duration = Duration::from_secs(15);

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
        let token = self.tokens.access(&greeting.sandbox);
        if greeting.restored {
            return greet::restored(address, greeting, &token, RESTORE_PATIENCE).await;
        }
        greet::until_ready(address, self.boot_patience).await?;
        greet::booted(address, greeting, &token).await
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        greet::until_ready(address, self.boot_patience).await
    }

    async fn quiesce(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        rest::quiesce(address, &self.tokens.access(sandbox)).await
    }

    async fn wake(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault> {
        rest::wake(address, &self.tokens.access(sandbox)).await
    }

    async fn follow(
        &self,
        address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        follow::follow(address, &self.tokens.access(sandbox), process).await
    }

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        run::run(address, &self.tokens.access(sandbox), program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        audit::connect(address, &self.tokens.access(sandbox)).await
    }
}
