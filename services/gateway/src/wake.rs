//! Auto-resume: a sandbox that is paused, and was made so, runs again when a request for what is in it comes.
//!
//! ```text
//!   request ─▶ asleep? ──no─────────────────────────────────────────▶ goes on as if nothing was
//!                 └──yes─▶ the one turn for it ─▶ pausing: wait ─▶ paused: Resume ─▶ resuming: wait ─▶ goes on
//! ```
//!
//! However many requests come, one of them resumes and the others wait for it. If its client goes away, the next one
//! takes its turn over. A resume that has failed is not tried again for a moment: the answer stands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::SandboxId;
use tokio::sync::OnceCell;

use crate::error::ApiError;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Seconds for which a sandbox runs at least that a request has woken, as E2B has it: less would be over before its
/// client knows.
const LEAST_SEC: u32 = 300;
/// How long the answer of a resume that failed stands.
const FAILED_FOR: Duration = Duration::from_secs(2);

/// How a resume ended, and when.
type Turn = Arc<OnceCell<(Instant, Result<(), ApiError>)>>;

/// The sandboxes that are resumed for requests.
#[derive(Default)]
pub(crate) struct Waking(Mutex<HashMap<SandboxId, Turn>>);

impl Waking {
    /// The turn that is under way for `id`, or has failed just now; else a new one.
    fn turn(&self, id: &SandboxId) -> Turn {
        // Nothing in here panics half-way.
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| match turn.get() {
            Some((ended, outcome)) => outcome.is_err() && ended.elapsed() < FAILED_FOR,
            // Without anybody else who holds it, its clients have all gone away.
            None => Arc::strong_count(turn) > 1,
        });
        Arc::clone(turns.entry(id.clone()).or_default())
    }
}

/// Whether a request may resume it, now or in a moment.
pub(crate) fn sleeps(sandbox: &Sandbox) -> bool {
    let may = sandbox
        .requested
        .as_ref()
        .is_some_and(|requested| requested.spec.auto_resume);
    may && matches!(sandbox.phase, Phase::Pausing | Phase::Paused | Phase::Resuming)
}

impl Gateway {
    /// Whether a request may resume `id`, now or in a moment.
    pub(crate) fn sleeps(&self, id: &SandboxId) -> bool {
        self.fleet().read(|fleet| {
            let view = fleet.sandbox(self.tenant(), id);
            view.is_some_and(|view| sleeps(&view.state))
        })
    }

    /// Has `id` run again if it is paused and a request may resume it. Any other sandbox is left as it is.
    pub(crate) async fn awake(&self, id: &SandboxId) -> Result<(), ApiError> {
        if !self.sleeps(id) {
            return Ok(());
        }
        let turn = self.waking().turn(id);
        let (_, outcome) = turn
            .get_or_init(|| async {
                let outcome = self.rouse(id).await;
                (Instant::now(), outcome)
            })
            .await;
        outcome.clone()
    }

    async fn rouse(&self, id: &SandboxId) -> Result<(), ApiError> {
        let (sandbox, sequence) = self.state_of(id)?;
        if sandbox.phase == Phase::Pausing
            && let Err(error) = self.paused(id, sequence).await
        {
            // Then it runs on, or has ended; if not, that shows next.
            tracing::debug!(%error, sandbox = %id, "it was being paused when it was to be resumed");
        }
        let (sandbox, sequence) = self.state_of(id)?;
        let asked = sandbox
            .requested
            .as_ref()
            .map_or(0, |requested| requested.spec.timeout_sec);
        match sandbox.phase {
            Phase::Paused => {
                let key = CommandKey::auto_resume(id, sandbox.generation());
                self.resume(id, &key, Some(asked.max(LEAST_SEC))).await?;
                tracing::info!(sandbox = %id, "resumed for a request");
            }
            Phase::Resuming => {
                self.resumed(id, sequence).await?;
            }
            _ => {}
        }
        Ok(())
    }
}
