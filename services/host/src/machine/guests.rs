//! Guests, by the envd protocol over HTTP/1.1.

mod audit;
mod greet;
mod run;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use roost_runtime::port::{AuditFeed, Fault, Greeting, Guests, Outputs, Program};
use roost_schemas::SandboxId;
use roost_schemas::token::TokenKey;

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

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        run::run(address, &self.tokens.access(sandbox), program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        audit::connect(address, &self.tokens.access(sandbox)).await
    }
}
