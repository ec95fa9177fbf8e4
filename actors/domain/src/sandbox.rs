//! A sandbox, from the request for it to its end.
//!
//! ```text
//!  (absent) ─create─▶ Requested ─▶ Placed ─start─▶ Starting ─started─▶ Running ─vanished─▶ Lost{cause}
//!                                     │               │                  ▲ │ ▲
//!                                     └──────┬────────┼──────────────────┼─┘ │
//!                                           kill      │           started│   │pause failed
//!                                            │        │                  │   │
//!                                            │        │     ┌─ Resuming ─┘   └─ Pausing ◀─pause─ Running
//!                                            │        │     │     ▲               │
//!                                            │        │     │     │resume         │sealed
//!                                            │        │     └─────┴─── Paused ◀───┘
//!                                            │        │      resume failed
//!                                            │        ├─start failed, once or twice─▶ Starting again
//!                                            ▼        └─start failed for the last time─▶ Failed{cause}
//!                                         Stopping ─ended─▶ Stopped
//! ```
//!
//! A host that is down ends every phase that needs it, or takes the sandbox back to what it was sealed as last, if that is
//! its policy: then it is `Paused` again, and is resumed where that snapshot is.
//!
//! A kill ends every live phase, and a VM that vanishes ends `Pausing` as it ends `Running`. Snapshots that are taken
//! while it runs on change no phase: [`Sandbox::asked`] has them until they are taken and, where a template was wanted,
//! saved. A resume is a new placement, so it has a new generation.
//!
//! `Requested` and `Placed` come in one commit, so no reader sees the first alone. A panic of its actor changes no phase
//! until there are too many in one placement: then a sandbox that has a VM, or was to have its first, goes to `Lost`; one
//! that was resumed is paused again, and one that is paused stays so. `Stopped`, `Failed` and `Lost` are
//! ends: nothing follows them, and the host holds nothing of such a sandbox.

mod command;
mod confirm;
mod create;
mod exec;
mod host_down;
mod kill;
mod pause;
mod process_asked;
mod report;
mod resume;
mod set_network;
mod set_timeout;
mod snapshot;
mod start;
mod state;

pub use command::{Command, ProcessEnd};
pub(crate) use create::check_pairs;
pub use create::{check_resources, check_spec};
pub use exec::MAX_PROCESSES;
pub use report::{MAX_CRASHES, MAX_START_ATTEMPTS};
pub use snapshot::{MAX_ASKED, MAX_SNAPSHOTS, MAX_SOURCES};
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
            Command::Pause { snapshot, pause } => pause::decide(self, snapshot, *pause),
            Command::Resume(resume) => resume::decide(self, *resume),
            Command::Snapshot { snapshot, take } => snapshot::decide(self, snapshot, take),
            Command::Kill(kill) => kill::decide(self, *kill),
            Command::Started {
                generation,
                engine,
                engine_version,
                boot_ms,
                restored_from,
            } => {
                let how = (*engine, engine_version.as_str(), *boot_ms, restored_from.as_ref());
                report::started(self, *generation, how, at)
            }
            Command::Sealed { generation, snapshot } => pause::sealed(self, *generation, snapshot),
            Command::PauseFailed { generation, cause } => pause::failed(self, *generation, cause),
            Command::ResumeFailed { generation, cause } => resume::failed(self, *generation, cause),
            Command::SnapshotTaken {
                generation,
                snapshot,
                held_ms,
            } => snapshot::taken(self, *generation, snapshot, *held_ms),
            Command::SnapshotFailed { snapshot, cause } => Ok(snapshot::failed(self, snapshot, cause)),
            Command::TemplateSaved { snapshot, name } => Ok(snapshot::saved(self, snapshot, name)),
            Command::Compacted { replaced, snapshot } => snapshot::compacted(self, replaced, snapshot),
            Command::StartFailed { generation, cause } => report::start_failed(self, *generation, cause),
            Command::ProcessAsked { generation, started } => {
                process_asked::decide(self, *generation, started)
            }
            Command::ProcessEnded(end) => Ok(report::process_ended(self, end)),
            Command::Ended { generation } => report::ended(self, *generation),
            Command::Vanished { generation, cause } => report::vanished(self, *generation, cause),
            Command::HostDown { generation } => host_down::decide(self, *generation),
            Command::Crashed { generation, message } => report::crashed(self, *generation, message),
        }
    }

    fn confirm(&self, command: &Command) -> Option<SandboxEvent> {
        confirm::confirm(self, command)
    }

    fn standing(&self) -> &'static str {
        self.phase.as_str()
    }

    fn evolve(&mut self, event: &SandboxEvent) {
        state::evolve(self, event);
    }
}
