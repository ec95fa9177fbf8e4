//! One sandbox's guest, as the gateway reaches it and as this machine does.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use roost_schemas::SandboxId;
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT};
use roost_schemas::token::TokenKey;

use crate::stack::Stack;

/// Where hosts keep the records of their slots.
const SLOTS: &str = "/run/roost/net";

/// See the module.
pub(super) struct Guest {
    pub(super) id: SandboxId,
    pub(super) address: Ipv4Addr,
    pub(super) gateway: SocketAddr,
    access: String,
}

/// A way to the agent: where it begins, and the headers it needs.
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) base: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Guest {
    /// The guest of `sandbox`.
    pub(super) fn find(stack: &Stack, sandbox: &str) -> Result<Self> {
        let id = SandboxId::new(sandbox)?;
        let tokens: TokenKey = stack.state().token_key().parse()?;
        let address = roost_net::host_address_of(Path::new(SLOTS), &id)
            .context("the sandbox has no slot on this machine")?;
        Ok(Self {
            access: tokens.access(&id),
            id,
            address,
            gateway: stack.gateway(),
        })
    }

    /// As a client goes.
    pub(super) fn through_gateway(&self) -> Way {
        Way {
            name: "gateway",
            base: format!("http://{}", self.gateway),
            headers: vec![
                (ACCESS_TOKEN_HEADER, self.access.clone()),
                ("e2b-sandbox-id", self.id.to_string()),
                ("e2b-sandbox-port", PORT.to_string()),
            ],
        }
    }

    /// Past everything.
    pub(super) fn straight(&self) -> Way {
        Way {
            name: "agent",
            base: format!("http://{}:{PORT}", self.address),
            headers: vec![(ACCESS_TOKEN_HEADER, self.access.clone())],
        }
    }
}
