//! What was put aside and is asked for: told beside everything else, and put aside anew if that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use roost_domain::webhook::{Aside, Command};
use roost_journal::port::{Journal, JournalError, Record};
use roost_schemas::event::GivenUp;
use roost_schemas::subject::EventSubject;
use roost_schemas::{Sequence, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Teller, tell};
use crate::message;
use crate::post::Posting;

/// How often what is asked for is tried: whoever asks has seen to it that it can be told.
const TRIES: u32 = 3;
/// How many are tried at once.
const AT_ONCE: usize = 2;
/// How long it takes until a log that was away is asked once more.
const LOG_AWAY: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Again {
    asked: watch::Receiver<BTreeSet<Sequence>>,
    under_way: BTreeSet<Sequence>,
    tries: JoinSet<Sequence>,
}

impl Again {
    pub(super) fn new(mut asked: watch::Receiver<BTreeSet<Sequence>>) -> Self {
        // What was asked for before this life counts as news.
        asked.mark_changed();
        Self {
            asked,
            under_way: BTreeSet::new(),
            tries: JoinSet::new(),
        }
    }

    /// Waits until there may be something to begin.
    pub(super) async fn is_due(&mut self) {
        tokio::select! {
            biased;
            Some(ended) = self.tries.join_next() => match ended {
                Ok(sequence) => {
                    self.under_way.remove(&sequence);
                }
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
            changed = self.asked.changed() => if changed.is_err() {
                // Whoever asks is gone, and this teller goes with it.
                std::future::pending::<()>().await;
            },
        }
    }

    /// What is to be begun now.
    fn take(&mut self) -> Vec<Sequence> {
        let asked = self.asked.borrow_and_update();
        let room = AT_ONCE.saturating_sub(self.under_way.len());
        let new: Vec<_> = asked.difference(&self.under_way).copied().take(room).collect();
        drop(asked);
        self.under_way.extend(&new);
        new
    }
}

impl Teller {
    /// Begins what is asked for.
    pub(super) fn try_again(&mut self) {
        for sequence in self.again.take() {
            let aside = self.shared.fleet.read(|fleet| {
                let view = fleet.webhook(&self.id.tenant, &self.id.webhook)?;
                view.state.aside.get(&sequence).cloned()
            });
            let Some(Aside {
                given_up,
                asked: true,
            }) = aside
            else {
                self.again.under_way.remove(&sequence);
                continue;
            };
            let retelling = self.retelling(given_up);
            self.again.tries.spawn(retelling);
        }
    }

    fn retelling(&self, mut given_up: GivenUp) -> impl Future<Output = Sequence> + Send + 'static {
        let (shared, recorder, signer) = (self.shared.clone(), self.recorder.clone(), self.signer.clone());
        let (id, spec) = (self.id.clone(), self.spec.clone());
        let metadata = self.metadata(&given_up.sandbox).unwrap_or_default();
        let subject = EventSubject::sandbox(id.tenant.clone(), given_up.sandbox.clone());
        async move {
            let sequence = given_up.sequence;
            let body = match read(&*shared.journal, &subject, sequence).await {
                Ok(record) => message::body(&id, &spec, &given_up.sandbox, &metadata, &record)
                    .map_err(|undecodable| undecodable.to_string()),
                Err(reason) => Err(reason),
            };
            // Of something that could not be read before there may be nothing to tell, now that it can.
            let mut end = body;
            let mut tries = 0;
            while let Ok(Some(body)) = &end {
                tries += 1;
                let posting = Posting {
                    url: spec.url.clone(),
                    headers: signer.sign(sequence, Timestamp::now(), body),
                    body: body.clone(),
                };
                match tell(&*shared.post, posting).await {
                    Ok(()) => break,
                    Err(failure) if tries >= TRIES => end = Err(failure.to_string()),
                    Err(failure) => {
                        let asked = failure.asks_for().map(|asked| shared.pace.granted(asked));
                        sleep(shared.pace.pause(tries).max(asked.unwrap_or_default())).await;
                    }
                }
            }
            let command = match end {
                Ok(_) => Command::Redelivered(sequence),
                Err(reason) => {
                    given_up.attempts = given_up.attempts.saturating_add(tries);
                    given_up.reason = reason;
                    Command::GiveUp(given_up)
                }
            };
            loop {
                match recorder.record(command.clone()).await {
                    Ok(stands) => {
                        // Only then is it no longer asked for.
                        shared.fleet.wait_for(stands, LOG_AWAY).await;
                        return sequence;
                    }
                    Err(refusal) => {
                        tracing::warn!(%refusal, %sequence, "what became of a commit that was asked for is not on record yet");
                        sleep(LOG_AWAY).await;
                    }
                }
            }
        }
    }
}

/// The commit of `subject` at `sequence`. A log that is away is waited for: it is no fault of the target's.
async fn read(journal: &dyn Journal, subject: &EventSubject, sequence: Sequence) -> Result<Record, String> {
    let before = Sequence(sequence.0.saturating_sub(1));
    let page = loop {
        match journal.read(subject, before).await {
            Ok(page) => break page,
            Err(away @ JournalError::Unavailable { .. }) => {
                tracing::warn!(%away, %sequence, "a commit that was asked for cannot be read yet");
                sleep(LOG_AWAY).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let found = page.records.into_iter().next();
    found
        .filter(|record| record.sequence == sequence)
        .ok_or_else(|| format!("the log has no commit of {subject} at {sequence}"))
}
