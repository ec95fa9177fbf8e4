//! A client: asks for one thing after the other, insists until it is told what became of it, and writes that down.
//!
//! Each sandbox has a *book*, a file to which every exec adds a line and which it returns: whoever ran twice stands in it
//! twice, and whoever was acknowledged and did not run is missing.

mod act;
mod ask;
mod queue;
mod repeat;

use std::time::Instant;

use anyhow::Result;
use roost_journal::jetstream::JetStreamQueue;
use roost_schemas::{SandboxId, Sequence};

use super::notebook::Notebook;
use crate::chance::Chance;
use crate::client::Api;

use repeat::Kept;

/// Sandboxes that a client has at most.
const HOMES: usize = 2;

/// A sandbox of a client.
#[derive(Debug, Clone)]
pub(super) struct Home {
    /// Its id.
    pub(super) id: SandboxId,
    /// The lines that were acknowledged, in it and in those it was forked from.
    book: Vec<String>,
    /// The last place in the log that an answer about it has shown.
    seen: Sequence,
    /// Whether it was paused when somebody last looked.
    is_paused: bool,
}

/// One client.
pub(super) struct Client {
    number: usize,
    api: Api,
    queue: JetStreamQueue,
    notebook: Notebook,
    chance: Chance,
    keys: u64,
    /// The sandboxes that it has, as far as it knows.
    pub(super) homes: Vec<Home>,
    kept: Vec<Kept>,
}

/// What a client may do next, once it has a sandbox.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Exec,
    Pause,
    Resume,
    Fork,
    Save,
    Timeout,
    Kill,
    View,
    Repeat,
    ExecByQueue,
    KillByQueue,
}

const WISHES: [(Wish, usize); 11] = [
    (Wish::Exec, 12),
    (Wish::Pause, 3),
    (Wish::Resume, 4),
    (Wish::Fork, 2),
    (Wish::Save, 1),
    (Wish::Timeout, 2),
    (Wish::Kill, 1),
    (Wish::View, 2),
    (Wish::Repeat, 3),
    (Wish::ExecByQueue, 2),
    (Wish::KillByQueue, 1),
];

impl Client {
    pub(super) fn new(
        number: usize,
        api: Api,
        queue: JetStreamQueue,
        notebook: Notebook,
        chance: Chance,
    ) -> Self {
        Self {
            number,
            api,
            queue,
            notebook,
            chance,
            keys: 0,
            homes: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Asks until then, and returns with the sandboxes that it has.
    pub(super) async fn run(mut self, until: Instant) -> Result<Self> {
        while Instant::now() < until {
            if self.homes.is_empty() || (self.homes.len() < HOMES && self.chance.below(8) == 0) {
                self.create().await?;
            } else {
                let home = self.chance.below(self.homes.len());
                let wish = self.wishes(home);
                self.wish(wish, home).await?;
            }
            tokio::time::sleep(self.chance.millis(20..400)).await;
        }
        Ok(self)
    }

    /// The next wish; mostly one that can be fulfilled, as far as is known.
    fn wishes(&mut self, home: usize) -> Wish {
        let wish = self.chance.weighted(&WISHES);
        if self.chance.below(4) == 0 {
            return wish;
        }
        match (wish, self.homes[home].is_paused) {
            (Wish::Exec | Wish::Pause | Wish::Timeout | Wish::ExecByQueue, true) => Wish::Resume,
            (Wish::Resume, false) => Wish::Exec,
            (wish, _) => wish,
        }
    }

    async fn wish(&mut self, wish: Wish, home: usize) -> Result<()> {
        match wish {
            Wish::Exec => self.exec(home).await,
            Wish::Pause => self.pause(home).await,
            Wish::Resume => self.resume(home).await,
            Wish::Fork => self.fork(home).await,
            Wish::Save => self.save(home).await,
            Wish::Timeout => self.timeout(home).await,
            Wish::Kill => self.kill(home).await,
            Wish::View => self.view(home).await,
            Wish::Repeat => self.repeat().await,
            Wish::ExecByQueue => self.exec_by_queue(home).await,
            Wish::KillByQueue => self.kill_by_queue(home).await,
        }
    }
}
