//! Watching over a VM until its end.
//!
//! ```text
//!   running ──engine ends──▶ pager ended on its own as well? ──no──▶ EngineExited
//!      │                                             └─────yes─────▶ PagerDied
//!      └──pager ends, is silent, or leaves a fault unanswered──▶ kill the engine ──▶ PagerDied
//! ```
//!
//! A pager ends in two ways: after its engine, with code 0, or before it, in any other. What is left of a pager that does
//! not answer is the caller's to destroy.

use std::time::Duration;

use roost_engine::{EngineProcess, Exit};
use roost_pager::control::Status;
use roost_schemas::event::Cause;
use tokio::time::{Instant, sleep, timeout};

use super::faults::Told;
use super::held::Memory;
use super::pager::{AskError, MAX_FAULT, Pager};

/// The pause between two questions to a pager.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long it may take to answer one. With the pause and the kill it must stay below the second within which a VM whose
/// pager is gone has to end.
const PATIENCE: Duration = Duration::from_millis(500);
/// What a question may take beyond that before it is this process that has stood still.
const STALL: Duration = Duration::from_millis(150);
/// How long engine and pager may end one after the other.
const TOGETHER: Duration = Duration::from_millis(300);

/// Waits for the end of the VM, brings it about if its pager fails, and tells why.
pub(super) async fn until_end(engine: &EngineProcess, memory: &Memory) -> Cause {
    match memory {
        Memory::Whole => exited(engine, engine.wait().await),
        Memory::Orphaned(words) => {
            let seen = format!("the pager was gone when the host came back{}", quoted(words));
            pager_died(engine, seen).await
        }
        Memory::Paged(pager) => {
            let seen = tokio::select! {
                exit = engine.wait() => match timeout(TOGETHER, pager.wait()).await {
                    Ok(pagers) if failed(pagers, pager) => describe(pagers, pager),
                    _ => return exited(engine, exit),
                },
                exit = pager.wait() => match timeout(TOGETHER, engine.wait()).await {
                    Ok(engines) if !failed(exit, pager) => return exited(engine, engines),
                    _ => describe(exit, pager),
                },
                seen = trouble(pager) => seen,
            };
            pager_died(engine, seen).await
        }
    }
}

/// Asks the pager how it is until something is wrong.
async fn trouble(pager: &Pager) -> String {
    let mut told = Told::default();
    loop {
        sleep(INTERVAL).await;
        let status = status(pager).await;
        if let Ok(status) = &status {
            told.add(status);
        }
        match status {
            Ok(status) if status.oldest_fault_ms > MAX_FAULT.as_secs() * 1000 => {
                return format!(
                    "the pager has left a page fault unanswered for {} ms{}",
                    status.oldest_fault_ms,
                    quoted(&pager.last_words())
                );
            }
            Ok(_) => pager.publish_working_set().await,
            Err(error) => return format!("{error}{}", quoted(&pager.last_words())),
        }
    }
}

/// How it stands, or that it does not say so. That is known only if this process has run all the while: after it was
/// stopped, its time is over and the pager has hung up, and both tell nothing of the pager.
async fn status(pager: &Pager) -> Result<Status, AskError> {
    loop {
        let asked = Instant::now();
        let answer = pager.status(PATIENCE).await;
        if answer.is_ok() || asked.elapsed() < PATIENCE + STALL {
            return answer;
        }
    }
}

/// Whether a pager that ended so did not just follow its engine. The exit of one that is not our child is not told to us.
fn failed(exit: Exit, pager: &Pager) -> bool {
    match exit {
        Exit::Code(code) => code != 0,
        Exit::Signal(_) => true,
        Exit::Unknown => !pager.has_taken_leave(),
    }
}

fn describe(exit: Exit, pager: &Pager) -> String {
    format!("the pager {exit}{}", quoted(&pager.last_words()))
}

/// Kills the engine, which would stand still at its next page fault.
async fn pager_died(engine: &EngineProcess, seen: String) -> Cause {
    if let Err(error) = engine.kill() {
        tracing::error!(engine = engine.id(), %error, "cannot kill the engine whose pager is gone");
    }
    engine.wait().await;
    Cause::PagerDied { detail: seen }
}

fn exited(engine: &EngineProcess, exit: Exit) -> Cause {
    let detail = format!("{exit}{}", quoted(&engine.log_tail()));
    Cause::EngineExited { detail }
}

fn quoted(words: &str) -> String {
    match words.trim() {
        "" => String::new(),
        words => format!("; its last words: {words}"),
    }
}
