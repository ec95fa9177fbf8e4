//! The webhook of a round: it is told everything, on a target that now and then refuses, hangs up or will never take something.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::{Method, StatusCode};
use roost_journal::jetstream::Connection;
use roost_schemas::{SandboxId, Sequence};
use serde_json::{Value, json};

use super::history::{self, History};
use super::invariants::told::{self, Arrival};
use crate::chance::Chance;
use crate::stack::{Stack, Terms};
use crate::target::{Manner, Target};

/// Seconds for which a commit is tried before it is put aside.
const PATIENCE_SEC: u64 = 5;
/// One commit in so many is never taken.
const INDIGESTIBLE: u64 = 40;
/// How long it may take until everything is told, once nobody is killed any more: some may be in the hands of one who died,
/// and those that are never taken are tried for a while, one after the other.
const TOLD_WITHIN: Duration = Duration::from_mins(2);

/// See the module.
pub(super) struct Hook {
    target: Target,
    secret: String,
    unwilling: Arc<AtomicUsize>,
}

impl Hook {
    /// What its stack has to allow.
    pub(super) fn terms() -> Terms {
        Terms {
            allow_targets: vec!["127.0.0.0/8".to_owned()],
            patience_sec: Some(PATIENCE_SEC),
        }
    }

    /// Makes it.
    pub(super) async fn make(stack: &Stack, mut chance: Chance) -> Result<Self> {
        let target = Target::start().await?;
        let unwilling = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unwilling);
        target.treats(move |sequence| {
            let manner = manner(sequence, &mut chance);
            count.fetch_add(usize::from(manner != Manner::Take), Ordering::Relaxed);
            manner
        });
        let made = stack
            .api()
            .send(Method::POST, "/v1/webhooks", &json!({"url": target.url()}))
            .await?;
        let webhook: Value = made.read(StatusCode::CREATED)?;
        let secret = webhook["secret"].as_str().context("a webhook has a secret")?;
        Ok(Self {
            target,
            secret: secret.to_owned(),
            unwilling,
        })
    }

    /// Waits until everything is told or put aside, for as long as that may take. The log as it is then.
    pub(super) async fn until_told(&self, nats: &Connection) -> Result<History> {
        let began = Instant::now();
        loop {
            let history = history::read(nats).await?;
            if told::untold(&history, &self.arrivals()).is_empty() || began.elapsed() > TOLD_WITHIN {
                return Ok(history);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What its target took, in the order in which it did.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        let taken = self.target.taken();
        let arrivals = taken.iter().map(|taken| Arrival {
            sandbox: taken.body["sandbox"]
                .as_str()
                .and_then(|id| SandboxId::new(id).ok()),
            sequence: Sequence(taken.sequence()),
            unsigned: taken.verify(&self.secret).err().map(|error| format!("{error:#}")),
        });
        arrivals.collect()
    }

    /// The line in the report.
    pub(super) fn summary(&self, history: &History) -> String {
        let arrivals = self.arrivals();
        let told: BTreeSet<_> = arrivals.iter().map(|arrival| arrival.sequence).collect();
        format!(
            "told {}, again {}, put aside {}, its target was unwilling {} times",
            told.len(),
            arrivals.len() - told.len(),
            history.put_aside.len(),
            self.unwilling.load(Ordering::Relaxed),
        )
    }
}

fn manner(sequence: u64, chance: &mut Chance) -> Manner {
    if sequence.is_multiple_of(INDIGESTIBLE) {
        return Manner::Refuse(StatusCode::BAD_REQUEST, None);
    }
    match chance.below(40) {
        0 => Manner::Refuse(StatusCode::SERVICE_UNAVAILABLE, Some(1)),
        1..3 => Manner::Refuse(StatusCode::INTERNAL_SERVER_ERROR, None),
        3..5 => Manner::TakeAndHangUp,
        5..7 => Manner::HangUp,
        _ => Manner::Take,
    }
}
