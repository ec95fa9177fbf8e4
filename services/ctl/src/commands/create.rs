//! `roost create`: a new sandbox.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::network::Policy;
use super::values::{Pair, Seconds, object};
use crate::output::{note, waiting};
use crate::remote::Session;

/// Makes a sandbox and prints its id as soon as it runs.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it starts from; `roost template ls` lists the names
    #[arg(default_value = "base")]
    template: String,
    /// Virtual CPUs. Default: the template's
    #[arg(long, value_name = "COUNT")]
    vcpus: Option<u32>,
    /// Memory in MiB. Default: the template's
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// How long it runs, such as `90s`, `10m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "5m")]
    timeout: Seconds,
    /// What happens when its time is over
    #[arg(long, value_name = "WHAT", default_value = "kill")]
    on_timeout: OnTimeout,
    /// What becomes of it when its host is down
    #[arg(long, value_name = "WHAT", default_value = "lose")]
    on_host_down: OnHostDown,
    /// Resume it when it is paused and somebody wants something of it
    #[arg(long)]
    auto_resume: bool,
    /// A label; can be given several times
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
    /// An environment variable of every program in it; can be given several times
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<Pair>,
    #[command(flatten)]
    network: Policy,
}

/// What happens when a sandbox's time is over.
#[derive(Debug, Clone, Copy, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnTimeout {
    /// It is ended for good
    Kill,
    /// It is paused
    Pause,
}

/// What becomes of a sandbox when its host is down.
#[derive(Debug, Clone, Copy, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum OnHostDown {
    /// It is lost
    Lose,
    /// It goes back to its last snapshot and runs again
    Resume,
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let what = format!("making a sandbox of {}", self.template);
        let body = self.body();
        let sandbox = waiting(what, session.post("/v1/sandboxes", &body)).await?;
        session.output.print(&sandbox, |to| {
            if let Some(milliseconds) = sandbox["boot_ms"].as_u64() {
                note(format!("runs after {milliseconds} ms"));
            }
            writeln!(to, "{}", sandbox["id"].as_str().unwrap_or_default())
        })
    }

    fn body(self) -> Value {
        let mut body = json!({
            "template": self.template,
            "timeout_sec": self.timeout.0,
            "on_timeout": self.on_timeout,
            "on_host_down": self.on_host_down,
            "auto_resume": self.auto_resume,
            "metadata": object(self.labels),
            "env": object(self.env),
        });
        let optional = [
            ("vcpus", self.vcpus.map(Value::from)),
            ("memory_mb", self.memory.map(Value::from)),
            ("network", self.network.body()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        body
    }
}
