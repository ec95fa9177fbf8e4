//! Times the slots of this machine: `cargo run --release -p roost-net --example slots [COUNT]`, as root.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use roost_net::{Config, SlotPool, Step};
use roost_schemas::{Generation, Owner};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize = std::env::args()
        .nth(1)
        .map_or(Ok(50), |text| text.parse())
        .context("COUNT is a number")?;
    let resolver = roost_net::resolver::of_this_machine()?;
    let mut config = Config::new(format!("measure-{}", std::process::id()).parse()?, resolver);
    config.warm = 0;
    config.concurrency = 2;

    let steps = Arc::new(Mutex::new(HashMap::<Step, Duration>::new()));
    config.step_hook = Some(step_clock(Arc::clone(&steps)));
    let pool = SlotPool::open(config.clone()).await?;
    let cold = claim_all(&pool, count).await?;
    let freed = release_all(&pool, count).await?;
    pool.purge().await?;
    report("make and claim, one by one", cold);
    report("release", freed);
    for step in Step::ALL {
        if let Some(total) = steps.lock().expect("no panic").get(&step) {
            println!("  {:>8.2?} {step}", *total / u32::try_from(count)?);
        }
    }

    config.warm = count;
    config.step_hook = None;
    let pool = SlotPool::open(config).await?;
    let started = Instant::now();
    while pool.warm() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "make {count}, two at a time: {:.2?} each",
        started.elapsed() / u32::try_from(count)?
    );
    // Claims are timed without the refill they cause: a pool this size would fill up again behind them.
    report("claim from the warm pool", claim_all(&pool, count.min(4)).await?);
    pool.purge().await?;
    Ok(())
}

/// Charges the time between two steps of a slot to the first.
fn step_clock(totals: Arc<Mutex<HashMap<Step, Duration>>>) -> roost_net::StepHook {
    let last = Mutex::new(None::<(u32, Step, Instant)>);
    Arc::new(move |number, step| {
        let now = Instant::now();
        if let Some((before, previous, since)) = last.lock().expect("no panic").replace((number, step, now))
            && before == number
        {
            *totals.lock().expect("no panic").entry(previous).or_default() += now - since;
        }
        Ok(())
    })
}

fn owner(index: usize) -> anyhow::Result<Owner> {
    Ok(Owner {
        sandbox: format!("sb{index}").parse()?,
        generation: Generation(1),
    })
}

async fn claim_all(pool: &SlotPool, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let started = Instant::now();
        pool.claim(owner(index)?).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

async fn release_all(pool: &SlotPool, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let started = Instant::now();
        pool.release(owner(index)?).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        times[((times.len() - 1) as f64 * share) as usize]
    };
    println!(
        "{what}: p50 {:.2?}, p95 {:.2?}, n={}",
        at(0.5),
        at(0.95),
        times.len()
    );
}
