//! The life of a process: its output, its end, and what is left afterwards.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{future, io};

use connectrpc::RequestContext;
use roost_schemas::envd::TIMEOUT_HEADER;
use tokio::process::Child;

use super::ending::{self, Ending};
use super::output::{self, Source};
use super::registry::Registry;
use super::running::Running;
use super::session;

/// When a process is killed, and the time it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    /// The time it was given.
    pub(super) after: Duration,
}

impl Deadline {
    /// The deadline of a call; the time it was given is the one its header names, not what is left of it.
    pub(super) fn of(context: &RequestContext) -> Option<Self> {
        let at = context.deadline()?;
        let named = context
            .header(TIMEOUT_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let after = named.map_or_else(
            || at.saturating_duration_since(Instant::now()),
            Duration::from_millis,
        );
        Some(Self { at, after })
    }
}

/// Output that others may still write after a process has ended.
pub(super) struct Leftovers(Vec<Option<Source>>);

impl Leftovers {
    /// Reads it until there are no writers left, and drops it: closing a pipe would kill them.
    pub(super) async fn discard(self) {
        futures::future::join_all(self.0.into_iter().map(output::discard)).await;
    }
}

/// Follows a process to its end, whether or not anyone listens. Its readers learn of the end after the output.
pub(super) async fn follow(
    process: &Arc<Running>,
    mut child: Child,
    sources: Vec<Source>,
    deadline: Option<Deadline>,
    registry: &Registry,
) -> (Ending, Leftovers) {
    let deliveries: Vec<_> = sources
        .into_iter()
        .map(|source| {
            let process = Arc::clone(process);
            let exited = process.exited.subscribe();
            tokio::spawn(async move { output::deliver(source, &process.feed, exited).await })
        })
        .collect();
    let ending = wait(&mut child, process.pid, deadline).await;
    // Nothing may come in between: from here on its id can be another's.
    registry.end(process);
    process.exited.send_replace(true);
    let mut leftovers = Vec::new();
    for delivery in deliveries {
        leftovers.push(delivery.await.ok().flatten());
    }
    process.feed.end(ending.event.clone());
    (ending, Leftovers(leftovers))
}

async fn wait(child: &mut Child, pid: u32, deadline: Option<Deadline>) -> Ending {
    let expired = async {
        match deadline {
            Some(deadline) => {
                tokio::time::sleep_until(deadline.at.into()).await;
                deadline.after
            }
            None => future::pending().await,
        }
    };
    tokio::select! {
        biased;
        status = child.wait() => described(status, ending::describe),
        after = expired => {
            // Not reaped yet, so the id still names this session.
            session::kill(pid);
            described(child.wait().await, |status| ending::killed(status, after))
        }
    }
}

fn described(status: io::Result<ExitStatus>, describe: impl FnOnce(ExitStatus) -> Ending) -> Ending {
    status.map_or_else(|error| ending::lost(&error), describe)
}
