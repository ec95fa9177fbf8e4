//! Guests, by the envd protocol over HTTP/1.1.

mod greet;
mod run;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use roost_runtime::port::{Fault, Greeting, Guests, Outputs, Program};

/// The guests of this host.
#[derive(Debug, Clone)]
pub struct RealGuests {
    /// How long a guest may take from its engine's start to its first answer.
    pub boot_patience: Duration,
}

#[async_trait]
impl Guests for RealGuests {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        greet::until_ready(address, self.boot_patience).await?;
        greet::init(address, greeting).await
    }

    async fn run(&self, address: IpAddr, program: &Program) -> Result<Outputs, Fault> {
        run::run(address, program).await
    }
}
