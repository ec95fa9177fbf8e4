//! The processes that run, and the output of those that ended a moment ago.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connectrpc::ConnectError;
use roost_schemas::envd::process::process_selector::Selector;
use roost_schemas::envd::process::{ProcessConfig, ProcessInfo, ProcessSelector};
use thiserror::Error;

use super::budget::Budget;
use super::feed::Feed;
use super::running::Running;

/// Processes that may run at once, counting those that left others behind holding their pipes.
const PROCESSES: usize = 1024;
/// Bytes of their commands, environments and tags, which are kept for `List`. Linux lets one alone have 2 MiB.
const CONFIGS: usize = 8 << 20;

/// How long an ended process can still be connected to: a client that lost its connection needs a moment to notice.
const KEPT: Duration = Duration::from_mins(1);
/// How many ended ones are kept at most.
const ENDED: usize = 64;

/// Why no further process may be started.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Full {
    #[error("{PROCESSES} processes run already, which is as many as one sandbox may have: let some end")]
    Processes,
    #[error(
        "the commands, environments and tags of running processes take {CONFIGS} bytes: pass long ones by file"
    )]
    Configs,
}

impl From<Full> for ConnectError {
    fn from(error: Full) -> Self {
        Self::resource_exhausted(error.to_string())
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Registry {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    admitted: usize,
    configs: usize,
    running: HashMap<u32, Arc<Running>>,
    /// The latest last.
    ended: VecDeque<Ended>,
}

/// What is kept of an ended process.
#[derive(Debug)]
struct Ended {
    pid: u32,
    tag: Option<String>,
    at: Instant,
    feed: Arc<Feed>,
}

/// The place of a process in the count, given back when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    registry: Arc<Registry>,
    config: usize,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.registry.state();
        state.admitted -= 1;
        state.configs -= self.config;
    }
}

impl Registry {
    /// An empty registry.
    pub(super) fn new(budget: Budget) -> Arc<Self> {
        Arc::new(Self {
            budget: Arc::new(budget),
            state: Mutex::default(),
        })
    }

    /// Makes room for a process, before anything is done for it.
    pub(super) fn admit(
        self: &Arc<Self>,
        config: &ProcessConfig,
        tag: Option<&str>,
    ) -> Result<Admission, Full> {
        let size = size(config) + tag.map_or(0, str::len);
        let mut state = self.state();
        if state.admitted >= PROCESSES {
            return Err(Full::Processes);
        }
        if state.configs + size > CONFIGS {
            return Err(Full::Configs);
        }
        state.admitted += 1;
        state.configs += size;
        drop(state);
        Ok(Admission {
            registry: Arc::clone(self),
            config: size,
        })
    }

    /// A feed for a process to be; those there are make room.
    pub(super) fn feed(&self) -> Arc<Feed> {
        let feed = Feed::new(self.budget.share());
        let state = self.state();
        let running = state.running.values().map(|process| &process.feed);
        for other in running.chain(state.ended.iter().map(|ended| &ended.feed)) {
            other.trim();
        }
        feed
    }

    /// Adds a process that has started.
    pub(super) fn add(&self, process: Arc<Running>) {
        let mut state = self.state();
        // The kernel has given its id to another.
        state.ended.retain(|ended| ended.pid != process.pid);
        state.running.insert(process.pid, process);
    }

    /// Takes out a process that was reaped. Its output can be read for a while.
    pub(super) fn end(&self, process: &Running) {
        let mut state = self.state();
        state.running.remove(&process.pid);
        state.forget_old(ENDED - 1);
        state.ended.push_back(Ended {
            pid: process.pid,
            tag: process.tag.clone(),
            at: Instant::now(),
            feed: Arc::clone(&process.feed),
        });
    }

    /// Those that run.
    pub(super) fn list(&self) -> Vec<ProcessInfo> {
        self.state()
            .running
            .values()
            .map(|process| process.info())
            .collect()
    }

    /// The running process that is meant; of several with one tag the latest.
    pub(super) fn find(&self, selector: &ProcessSelector) -> Result<Arc<Running>, ConnectError> {
        let selector = named(selector)?;
        let process = self.state().running(selector);
        process.ok_or_else(|| missing(selector))
    }

    /// The output of the process that is meant, which may have ended a moment ago, and its id.
    pub(super) fn find_feed(&self, selector: &ProcessSelector) -> Result<(u32, Arc<Feed>), ConnectError> {
        let selector = named(selector)?;
        let mut state = self.state();
        if let Some(process) = state.running(selector) {
            return Ok((process.pid, Arc::clone(&process.feed)));
        }
        state.forget_old(ENDED);
        let meant = |ended: &&Ended| match selector {
            Selector::Pid(pid) => ended.pid == *pid,
            Selector::Tag(tag) => ended.tag.as_ref() == Some(tag),
        };
        let ended = state.ended.iter().rev().find(meant);
        let ended = ended.ok_or_else(|| missing(selector))?;
        Ok((ended.pid, Arc::clone(&ended.feed)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn running(&self, selector: &Selector) -> Option<Arc<Running>> {
        match selector {
            Selector::Pid(pid) => self.running.get(pid).cloned(),
            Selector::Tag(tag) => {
                let tagged = self
                    .running
                    .values()
                    .filter(|process| process.tag.as_ref() == Some(tag));
                tagged.max_by_key(|process| process.started).cloned()
            }
        }
    }

    /// Forgets ended processes that are too old, and the oldest beyond `most`.
    fn forget_old(&mut self, most: usize) {
        while self.ended.len() > most || self.ended.front().is_some_and(|ended| ended.at.elapsed() > KEPT) {
            self.ended.pop_front();
        }
    }
}

fn named(selector: &ProcessSelector) -> Result<&Selector, ConnectError> {
    let named = selector.selector.as_ref();
    named.ok_or_else(|| {
        ConnectError::invalid_argument("no process is named: set `process.pid` or `process.tag`")
    })
}

fn missing(selector: &Selector) -> ConnectError {
    ConnectError::not_found(match selector {
        Selector::Pid(pid) => format!("no process with pid {pid} was started by this agent and still runs"),
        Selector::Tag(tag) => format!("no process with tag {tag:?} was started by this agent and still runs"),
    })
}

/// Bytes a configuration takes, roughly.
fn size(config: &ProcessConfig) -> usize {
    let args: usize = config
        .args
        .iter()
        .map(|arg| arg.len() + size_of::<String>())
        .sum();
    let envs: usize = config
        .envs
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>())
        .sum();
    config.cmd.len() + args + envs + config.cwd.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests;
