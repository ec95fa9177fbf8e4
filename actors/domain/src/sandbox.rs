//! A sandbox, from the request for it to its end.
//!
//! ```text
//!  (absent) ─create─▶ Requested ─▶ Placed ─start─▶ Starting ─started─▶ Running ─vanished─▶ Lost{cause}
//!                                     │               │                   │
//!                                     └──────┬────────┼───────────────────┘
//!                                           kill      ├─start failed, once or twice─▶ Starting again
//!                                            │        └─start failed for the last time─▶ Failed{cause}
//!                                            ▼
//!                                         Stopping ─ended─▶ Stopped
//! ```
//!
//! `Requested` and `Placed` come in one commit, so no reader sees the first alone. A panic of its actor changes no phase
//! until there are too many in one placement: then any live phase goes to `Lost`. `Stopped`, `Failed` and `Lost` are
//! ends: nothing follows them, and the host holds nothing of such a sandbox.

mod command;
mod create;
mod exec;
mod kill;
mod process_asked;
mod report;
mod set_network;
mod set_timeout;
mod start;
mod state;

pub use command::{Command, ProcessEnd};
pub use create::check_resources;
pub use exec::MAX_PROCESSES;
pub use report::{MAX_CRASHES, MAX_START_ATTEMPTS};
pub use state::{Phase, Sandbox};

use roost_schemas::command::Envelope;
use roost_schemas::event::SandboxEvent;

use crate::{Aggregate, Rejection};

impl Aggregate for Sandbox {
    type Command = Command;
    type Event = SandboxEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<SandboxEvent>, Rejection> {
        let at = command.at;
        match &command.command {
            Command::Create(create) => create::decide(self, create),
            Command::Start(start) => start::decide(self, *start),
            Command::Exec { process, exec } => exec::decide(self, process, exec),
            Command::SetTimeout(set) => set_timeout::decide(self, *set, at),
            Command::SetNetwork(set) => set_network::decide(self, set),
            Command::Kill(kill) => kill::decide(self, *kill, at),
            Command::Started {
                generation,
                engine,
                engine_version,
                boot_ms,
            } => report::started(self, *generation, *engine, engine_version, *boot_ms, at),
            Command::StartFailed { generation, cause } => report::start_failed(self, *generation, cause),
            Command::ProcessAsked { generation, started } => {
                process_asked::decide(self, *generation, started)
            }
            Command::ProcessEnded(end) => Ok(report::process_ended(self, end)),
            Command::Ended { generation } => report::ended(self, *generation),
            Command::Vanished { generation, cause } => report::vanished(self, *generation, cause),
            Command::Crashed { generation, message } => report::crashed(self, *generation, message),
        }
    }

    fn evolve(&mut self, event: &SandboxEvent) {
        state::evolve(self, event);
    }
}
