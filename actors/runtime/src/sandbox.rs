//! The sandbox actor: owns one sandbox's VM, slot, drives and processes on this host.
//!
//! ```text
//!            Deliver(command)            Report(what a step came to)
//!                   │                           ▲
//!                   ▼                           │
//!    fold ─▶ decide ─▶ append ─▶ evolve ─▶ step::next ─▶ a task of its own
//! ```
//!
//! Every decision is taken in the handler, one at a time; every effect runs in a task beside it and reports back. The
//! actor holds nothing that the log and the machine do not: a panic costs a replay.

mod audit;
mod deliver;
mod message;
pub(crate) mod outlet;
mod pace;
mod process;
mod report;
mod state;
mod step;
mod steps;

pub use message::{Message, Report};
pub use state::Arguments;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tracing::{Instrument, Span};

use crate::observe;
use state::State;

/// Where commands are decided here, among figures.
const HOP: &str = "host";

/// The behaviour; all state is in [`state::State`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SandboxActor;

impl Actor for SandboxActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        args: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        // Nothing that can fail happens here: the log is read with the first message, where a failure can be retried.
        myself.send_message(Message::Pursue)?;
        Ok(State::new(myself, args))
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Pursue => {
                state.waits = false;
                state.pursue().await;
            }
            Message::Wake => {
                state.heard += 1;
                state.pursue().await;
            }
            Message::Deliver(delivery) => {
                state.heard += 1;
                let span = observe::command(HOP, &delivery, &*state.args.context.clock);
                state.deliver(*delivery).instrument(span).await;
            }
            Message::Report(report) => {
                let span = if report.is_of_a_step() {
                    state.origin()
                } else {
                    Span::none()
                };
                state.report(*report).instrument(span).await;
            }
            Message::Leave => myself.stop(None),
        }
        Ok(())
    }
}
