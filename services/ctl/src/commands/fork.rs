//! `roost fork`: branches of a sandbox.

use anyhow::{Result, anyhow, bail};
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::{Map, Value, json};

use super::create::OnTimeout;
use super::network::Policy;
use super::values::{Pair, Seconds, object};
use crate::exit::complain;
use crate::output::{visible, waiting};
use crate::remote::Session;

/// Branches sandboxes off one.
///
/// They branch off as it is now, or as it was, and their ids are printed. They have its memory, files and running programs, and names, tokens and randomness of their own. What is not said is
/// as in the source.
#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// The sandbox
    sandbox: SandboxId,
    /// How many branches
    #[arg(short = 'n', long, default_value_t = 1)]
    count: u32,
    /// A sequence of its past: branch off at the newest snapshot of that time
    #[arg(long, value_name = "SEQUENCE")]
    at: Option<u64>,
    /// How long they run
    #[arg(long, value_name = "TIME")]
    timeout: Option<Seconds>,
    /// What happens when their time is over
    #[arg(long, value_name = "WHAT")]
    on_timeout: Option<OnTimeout>,
    /// Labels, in place of the source's; can be given several times
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
    /// Environment variables, in place of the source's; can be given several times
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<Pair>,
    #[command(flatten)]
    network: Policy,
}

impl Fork {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/sandboxes/{}/fork", self.sandbox);
        let what = format!("forking {}", self.sandbox);
        let result = waiting(what, session.post(&path, &self.body())).await?;
        let children = result["sandboxes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        session.output.print(&result, |to| {
            let ids = children
                .iter()
                .filter_map(|child| child["sandbox"]["id"].as_str());
            ids.into_iter().try_for_each(|id| writeln!(to, "{id}"))
        })?;
        let mut failed = 0;
        for child in children {
            if let Some(message) = child["error"]["message"].as_str() {
                complain(&anyhow!("{}", visible(message)));
                failed += 1;
            }
        }
        if failed > 0 {
            bail!("{failed} of {} branches do not run", children.len());
        }
        Ok(())
    }

    fn body(self) -> Value {
        let mut body = Map::from_iter([("count".to_owned(), json!(self.count))]);
        let optional = [
            ("at", self.at.map(Value::from)),
            ("timeout_sec", self.timeout.map(|Seconds(seconds)| seconds.into())),
            ("on_timeout", self.on_timeout.map(|what| json!(what))),
            ("metadata", (!self.labels.is_empty()).then(|| object(self.labels))),
            ("env", (!self.env.is_empty()).then(|| object(self.env))),
            ("network", self.network.body()),
        ];
        body.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        body.into()
    }
}
