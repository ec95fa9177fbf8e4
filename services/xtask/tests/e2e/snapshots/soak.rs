//! Random writes through pauses, resumes, forks of forks and templates: after each step every byte is what it is to be.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::json;
use xtask::chance::Chance;
use xtask::client::Api;

use super::keeper::Keeper;
use super::{act, fork, save};
use crate::harness::with_stack;

/// Rounds of the first sandbox, each with a pause and a resume.
const ROUNDS: usize = 6;

/// A sandbox, and what the keeper in it holds.
struct Twin {
    id: String,
    keeper: Keeper,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_stays_through_pauses_forks_and_templates() -> Result<()> {
    let seed = match std::env::var("ROOST_SEED") {
        Ok(seed) => seed.parse().context("ROOST_SEED is a number")?,
        Err(_) => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
    };
    println!("ROOST_SEED={seed}");
    with_stack(async |stack| soak(&stack.api(), &mut Chance::new(seed)).await)
        .await
        .with_context(|| format!("with ROOST_SEED={seed}"))
}

async fn soak(api: &Api, chance: &mut Chance) -> Result<()> {
    let id = api
        .create(&json!({"template": "base", "timeout_sec": 3600}))
        .await?
        .id;
    let keeper = Keeper::start(api, &id).await?;
    let mut first = Twin { id, keeper };
    let began = Instant::now();
    for round in 0..ROUNDS {
        first.write(api, chance).await?;
        first.pause(api).await?;
        // From what is paused, from what runs, or from what has just been resumed.
        match (round, chance.below(2)) {
            (1, _) => first.branches(api, chance).await?,
            (3, _) => first.becomes_a_template(api, chance, "paused").await?,
            (_, 0) => first.resume(api).await?,
            _ => {}
        }
        first.resume(api).await?;
        first.keeper.check(api, &first.id).await?;
        match round {
            2 => first.branches(api, chance).await?,
            4 => first.becomes_a_template(api, chance, "running").await?,
            _ => {}
        }
        println!("round {round} is done after {:?}", began.elapsed());
    }
    first.keeper.check(api, &first.id).await?;
    api.kill(&first.id).await
}

impl Twin {
    async fn write(&mut self, api: &Api, chance: &mut Chance) -> Result<()> {
        self.keeper.write(api, &self.id, chance).await
    }

    async fn pause(&self, api: &Api) -> Result<()> {
        act(api, &self.id, "pause").await.map(drop)
    }

    async fn resume(&self, api: &Api) -> Result<()> {
        act(api, &self.id, "resume").await.map(drop)
    }

    /// A child, and a child of the child: each is what its parent was, and each changes alone.
    async fn branches(&mut self, api: &Api, chance: &mut Chance) -> Result<()> {
        let mut child = self.child(api).await?;
        child.keeper.check(api, &child.id).await?;
        child.write(api, chance).await?;
        let mut grandchild = child.child(api).await?;
        grandchild.write(api, chance).await?;
        child.write(api, chance).await?;
        // Over one more pause, on top of what it shares with the others.
        grandchild.pause(api).await?;
        child.keeper.check(api, &child.id).await?;
        api.kill(&child.id).await?;
        grandchild.resume(api).await?;
        grandchild.keeper.check(api, &grandchild.id).await?;
        api.kill(&grandchild.id).await
    }

    async fn child(&self, api: &Api) -> Result<Self> {
        let children = fork(api, &self.id, &json!({"count": 1})).await?;
        let id = children.into_iter().next().context("one child")?;
        let keeper = self.keeper.clone();
        Ok(Self { id, keeper })
    }

    /// What is made from a template of it is what it was then.
    async fn becomes_a_template(&mut self, api: &Api, chance: &mut Chance, name: &str) -> Result<()> {
        save(api, &self.id, name).await?;
        let request = json!({"template": name, "timeout_sec": 3600});
        let id = api.create(&request).await?.id;
        let keeper = self.keeper.clone();
        let mut made = Self { id, keeper };
        made.keeper.check(api, &made.id).await?;
        made.write(api, chance).await?;
        made.keeper.check(api, &made.id).await?;
        api.kill(&made.id).await
    }
}
