//! One connection to a guest: what a program writes, until it ends or its sandbox moves on.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures::stream::Peekable;
use futures::{FutureExt, StreamExt};
use roost_schemas::Owner;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Channel, MAX_CHUNK};
use tokio::sync::watch;
use tokio::time::Instant;

use super::tally::Tallies;
use super::{Begin, Carrier, Course};
use crate::port::{Fault, Output, Outputs};

/// Why a connection ended before the program did.
pub(super) enum Cut {
    /// The sandbox is paused, or over.
    Moved,
    /// The guest broke it, or would not begin it.
    Broken(Fault),
    /// The guest should have told of the end by now.
    Late,
}

impl From<Fault> for Cut {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

impl Carrier {
    /// Waits are cut short, never a frame on its way to `OUTPUT`: what was counted is there.
    pub(super) async fn relay(
        &self,
        owner: &Owner,
        begin: &mut Begin,
        deadline: Option<Instant>,
        tallies: &mut Tallies,
    ) -> Result<ExitStatus, Cut> {
        let mut course = self.course.clone();
        let here = Course::Runs(owner.generation);
        let outputs = self.connect(owner, begin);
        let mut outputs = tokio::select! {
            biased;
            outputs = outputs => outputs?.peekable(),
            cut = cut(&mut course, here, deadline) => return Err(cut),
        };
        // What this connection has told; the guest begins with what was relayed before.
        let mut told = Tallies::default();
        loop {
            let output = tokio::select! {
                biased;
                output = outputs.next() => output,
                cut = cut(&mut course, here, deadline) => return Err(cut),
            };
            match output {
                Some(Ok(Output::End(status))) => return Ok(status),
                Some(Ok(Output::Lost(channel, bytes))) => {
                    let at = told.of(channel).skip(bytes);
                    tallies.of(channel).reach(at);
                }
                Some(Ok(Output::Data(channel, data))) => {
                    let data = gather(&mut outputs, channel, data);
                    let begins = told.of(channel).written();
                    told.of(channel).skip(data.len() as u64);
                    self.publish(tallies, channel, begins, data).await;
                }
                Some(Err(fault)) => return Err(fault.into()),
                None => {
                    return Err(Cut::Broken(Fault::new(
                        "follow the program",
                        "the guest closed the connection before it told how the program ended",
                    )));
                }
            }
        }
    }

    /// A program is asked for once: if the answer is lost, the guest is asked what became of it.
    async fn connect(&self, owner: &Owner, begin: &mut Begin) -> Result<Outputs, Fault> {
        let address = self.context.guest_of(owner).await?;
        let guests = &self.context.guests;
        match std::mem::replace(begin, Begin::Follow) {
            Begin::Run(program) => guests.run(address, &self.sandbox, &program).await,
            Begin::Follow => guests.follow(address, &self.sandbox, &self.process).await,
        }
    }

    /// Relays what of `data`, which begins at byte `begins` of its channel, was not relayed before.
    async fn publish(&self, tallies: &mut Tallies, channel: Channel, begins: u64, data: Bytes) {
        let relayed = tallies.of(channel).written().saturating_sub(begins);
        let mut rest =
            data.slice(usize::try_from(relayed).map_or(data.len(), |relayed| relayed.min(data.len()))..);
        while !rest.is_empty() {
            let number = tallies.number();
            let (frame, bytes) = tallies.of(channel).frame(channel, &rest);
            if let Some(frame) = frame {
                self.outlet.publish(number, &frame).await;
            }
            tallies.of(channel).skip(bytes as u64);
            rest = rest.slice(bytes..);
        }
    }
}

async fn cut(course: &mut watch::Receiver<Course>, here: Course, deadline: Option<Instant>) -> Cut {
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        // An actor that is gone tells nothing any more.
        _ = course.wait_for(|course| *course != here) => Cut::Moved,
        () = late => Cut::Late,
    }
}

/// `first`, and what else has arrived on `channel` meanwhile: a program that writes byte by byte must not cost a stored
/// message for each.
fn gather(outputs: &mut Peekable<Outputs>, channel: Channel, first: Bytes) -> Bytes {
    let is_more =
        |output: &Result<Output, Fault>| matches!(output, Ok(Output::Data(other, _)) if *other == channel);
    let mut all = BytesMut::new();
    while first.len().max(all.len()) < MAX_CHUNK
        && let Some(Some(Ok(Output::Data(_, more)))) = Pin::new(&mut *outputs).next_if(is_more).now_or_never()
    {
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&more);
    }
    if all.is_empty() { first } else { all.freeze() }
}
