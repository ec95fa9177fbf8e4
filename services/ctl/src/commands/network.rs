//! What a sandbox may reach: options of `create` and `fork`, and `roost network`, which changes it while it runs.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::{Map, Value, json};

use crate::output::json;
use crate::remote::Session;

/// What a sandbox may reach, and who may reach it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(super) struct Policy {
    /// Nothing on the internet, but for what --allow lists
    #[arg(long)]
    no_internet: bool,
    /// An address, range or name that can be reached in any case; can be given several times, or with commas
    #[arg(long, value_name = "PLACE", value_delimiter = ',')]
    allow: Vec<String>,
    /// An address or range that cannot be reached; can be given several times, or with commas
    #[arg(long, value_name = "PLACE", value_delimiter = ',')]
    deny: Vec<String>,
    /// Nobody reaches its ports without its traffic token
    #[arg(long)]
    private: bool,
    /// The host that its servers are told they are called, `${PORT}` standing for the port
    #[arg(long, value_name = "HOST")]
    mask_host: Option<String>,
}

impl Policy {
    /// As the gateway takes it; nothing if nothing was said.
    pub(super) fn body(self) -> Option<Value> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if self.no_internet {
            set("internet", json!(false));
        }
        if self.private {
            set("public", json!(false));
        }
        for (name, places) in [("allow", self.allow), ("deny", self.deny)] {
            if !places.is_empty() {
                set(name, json!(places));
            }
        }
        if let Some(host) = self.mask_host {
            set("mask_host", json!(host));
        }
        (!body.is_empty()).then_some(body.into())
    }
}

/// Shows or sets what a sandbox may reach.
///
/// Without options it shows what holds. With options these hold from now on, in place of those before; `--open` alone goes
/// back to the internet and public ports.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// The sandbox
    sandbox: SandboxId,
    /// The internet and public ports, as sandboxes have them unless something else is said
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    policy: Policy,
}

impl Network {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/sandboxes/{}", self.sandbox);
        let policy = self.policy.body().or(self.open.then(|| json!({})));
        let sandbox = match policy {
            Some(policy) => session.put(&format!("{path}/network"), &policy).await?,
            None => session.get(&path).await?,
        };
        json(&sandbox["network"])
    }
}
