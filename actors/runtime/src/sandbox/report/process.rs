//! Ends of programs.

use roost_domain::sandbox::{Command, ProcessEnd, Sandbox};
use roost_schemas::{CommandId, Generation, Sequence};
use tokio::sync::oneshot;

use crate::sandbox::Report;
use crate::sandbox::outlet;
use crate::sandbox::state::State;

impl State {
    pub(super) async fn process_ended(
        &mut self,
        end: ProcessEnd,
        recorded: oneshot::Sender<(ProcessEnd, Sequence)>,
    ) {
        let generation = self.known().map(Sandbox::generation).unwrap_or_default();
        let fact = format!("process.{}.ended", end.process);
        let process = end.process.clone();
        let told = self
            .tell(generation, &fact, Command::ProcessEnded(end.clone()))
            .await;
        let mut recorded = Some(recorded);
        let again = || Report::ProcessEnded {
            end: end.clone(),
            recorded: recorded.take().expect("it is told again once"),
        };
        if self.settled(told, again) {
            self.carried.remove(&process);
            if let Some(recorded) = recorded {
                // The end of its sandbox may have closed it first: then it ended as the log says, whatever was seen of it.
                let as_logged = match self.told_at(generation, &fact) {
                    Some(sequence) => (end, sequence),
                    None => (outlet::unknown(process, "the sandbox ended"), self.sequence()),
                };
                // Whoever asked may have given up: the log has it all the same.
                let _ = recorded.send(as_logged);
            }
        }
    }

    /// Where the log has this fact from the host, told in this placement or an earlier one.
    fn told_at(&self, generation: Generation, fact: &str) -> Option<Sequence> {
        let folded = self.ledger.as_ref()?.folded();
        let told = |generation| CommandId::report(&self.args.sandbox, Generation(generation), fact);
        (0..=generation.0)
            .rev()
            .find_map(|generation| Some(folded.answered(&told(generation))?.sequence))
    }
}
