//! Ends of programs.

use roost_domain::sandbox::{Command, ProcessEnd, Sandbox};
use roost_schemas::Sequence;
use tokio::sync::oneshot;

use crate::sandbox::Report;
use crate::sandbox::state::State;

impl State {
    pub(super) async fn process_ended(&mut self, end: ProcessEnd, recorded: oneshot::Sender<Sequence>) {
        let generation = self.known().map(Sandbox::generation).unwrap_or_default();
        let fact = format!("process.{}.ended", end.process);
        let process = end.process.clone();
        let told = self
            .tell(generation, &fact, Command::ProcessEnded(end.clone()))
            .await;
        let mut recorded = Some(recorded);
        let again = || Report::ProcessEnded {
            end,
            recorded: recorded.take().expect("it is told again once"),
        };
        if self.settled(told, again) {
            self.carried.remove(&process);
            if let Some(recorded) = recorded {
                // Whoever asked may have given up: the log has it all the same.
                let _ = recorded.send(self.sequence());
            }
        }
    }
}
