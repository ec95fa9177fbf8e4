//! When nobody is killed any more: everything lives again, and comes to an end of what it is at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::{Method, StatusCode};
use roost_journal::jetstream::Connection;
use roost_schemas::{Owner, SandboxId, Timestamp};
use serde_json::Value;

use super::PROCESSES;
use super::history::{self, History};
use super::invariants::life::{Life, Phase};
use super::notebook::{Invariant, Notebook};
use super::vms::Vms;
use crate::stack::Stack;

/// How long the processes may take to come back.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long the sandboxes may take to come to rest.
const REST_WITHIN: Duration = Duration::from_mins(2);
/// How late a timeout may fire.
const LATE: Duration = Duration::from_secs(30);

/// The log at rest.
pub(super) struct Settled {
    /// All of it.
    pub(super) history: History,
    /// What each sandbox is by it.
    pub(super) lives: BTreeMap<SandboxId, Life>,
}

impl Settled {
    async fn look(nats: &Connection) -> Result<Self> {
        let history = history::read(nats).await?;
        let life = |sandbox: &SandboxId| (sandbox.clone(), history.life(sandbox));
        let lives = history.sandboxes().map(life).collect();
        Ok(Self { history, lives })
    }

    /// The placements that run.
    pub(super) fn running(&self) -> BTreeSet<Owner> {
        let running = self.lives.iter().filter(|(_, life)| life.phase == Phase::Running);
        running
            .map(|(sandbox, life)| Owner {
                sandbox: sandbox.clone(),
                generation: life.generation,
            })
            .collect()
    }

    /// Those that are on their way, or owe something, in words.
    fn restless(&self, vms: &BTreeSet<Owner>) -> Vec<(SandboxId, String)> {
        let now = Timestamp::now();
        let of_sandboxes = self.lives.iter().filter_map(|(sandbox, life)| {
            let rests = matches!(life.phase, Phase::Running | Phase::Paused) || life.phase.is_end();
            let overdue =
                life.phase == Phase::Running && life.expires_at.is_some_and(|due| due.plus(LATE) < now);
            let owes = !life.phase.is_end() && !life.asked.is_empty();
            let why = match () {
                () if !rests => format!("{sandbox} is {}", life.phase.word()),
                () if overdue => format!("{sandbox} runs on after its time"),
                () if owes => format!("{sandbox} owes the snapshots {:?}", life.asked),
                () => return None,
            };
            Some((sandbox.clone(), why))
        });
        let running = self.running();
        let differ = running.symmetric_difference(vms).map(|owner| {
            let why = format!("of {owner} either the log says that it runs, or the machine");
            (owner.sandbox.clone(), why)
        });
        of_sandboxes.chain(differ).collect()
    }
}

/// Waits until every process is there, and the gateway says that it can be used.
pub(super) async fn ready(stack: &Stack) -> Result<()> {
    let began = Instant::now();
    loop {
        let away = PROCESSES
            .into_iter()
            .find(|role| stack.process(*role).is_ok_and(|process| process.pid().is_none()));
        let health = stack
            .api()
            .send(Method::GET, "/health", &Value::Null)
            .await
            .is_ok_and(|answer| answer.status == StatusCode::OK);
        match away {
            None if health => return Ok(()),
            _ if began.elapsed() < READY_WITHIN => {}
            Some(role) => bail!("the {} did not come back within {READY_WITHIN:?}", role.name()),
            None => bail!("the gateway is not healthy after {READY_WITHIN:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until nothing is on its way; who never comes to rest is written down.
pub(super) async fn settled(stack: &Stack, nats: &Connection, notebook: &Notebook) -> Result<Settled> {
    let began = Instant::now();
    let vms = Vms::of(stack);
    let mut before = None;
    loop {
        let settled = Settled::look(nats).await.context("cannot read the log")?;
        let machine = vms
            .now()
            .into_iter()
            .filter(|vm| !vm.stopped)
            .map(|vm| vm.owner)
            .collect();
        let restless = settled.restless(&machine);
        let head = settled.history.head();
        if restless.is_empty() && before == Some(head) {
            return Ok(settled);
        }
        if began.elapsed() > REST_WITHIN {
            for (sandbox, why) in restless {
                let seen = format!("{why}, after {REST_WITHIN:?}");
                notebook.broken(Invariant::Converges, Some(&sandbox), seen);
            }
            return Ok(settled);
        }
        before = Some(head);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
