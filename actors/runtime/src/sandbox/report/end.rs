//! Ends, asked for or not.

use roost_domain::sandbox::{Command, Sandbox};
use roost_schemas::Generation;
use roost_schemas::event::Cause;

use crate::sandbox::Report;
use crate::sandbox::state::State;

impl State {
    pub(super) async fn vanished(&mut self, generation: Generation, cause: Cause) {
        let command = Command::Vanished {
            generation,
            cause: cause.clone(),
        };
        let told = self.tell(generation, "vanished", command).await;
        let current = self.known().map(Sandbox::generation);
        // What a placement before left in the mailbox says nothing of the VM that is watched now.
        if self.settled(told, || Report::Vanished { generation, cause }) && current == Some(generation) {
            self.watch = None;
        }
    }

    /// The same, as a step has found it.
    pub(super) async fn gone(&mut self, generation: Generation, cause: Cause) {
        let command = Command::Vanished {
            generation,
            cause: cause.clone(),
        };
        let told = self.tell(generation, "vanished", command).await;
        if self.settled(told, || Report::Gone { generation, cause }) {
            self.watch = None;
            self.landed(generation);
        }
    }

    pub(super) async fn released(&mut self, generation: Generation) {
        let told = self
            .tell(generation, "ended", Command::Ended { generation })
            .await;
        if self.settled(told, || Report::Released { generation }) {
            self.released = true;
            self.watch = None;
            self.landed(generation);
        }
    }
}
