//! The life of a process: start event, output, end event, and what is left afterwards.

use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{future, io};

use connectrpc::RequestContext;
use roost_schemas::envd::TIMEOUT_HEADER;
use roost_schemas::envd::process::ProcessEvent;
use roost_schemas::envd::process::process_event::{EndEvent, StartEvent};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};

use super::ending;
use super::output::{self, Kind};
use super::session;
use super::spawn::Spawned;

/// When a process is killed, and the time it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    after: Duration,
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

/// Follows a process to its end, whether or not anyone listens.
///
/// The end is reported after the output. Output that comes later still, from a process left in the background, is read
/// and dropped: closing the pipe would kill its writer.
pub(super) async fn follow(process: Spawned, deadline: Option<Deadline>, events: mpsc::Sender<ProcessEvent>) {
    let Spawned {
        pid,
        mut child,
        stdin,
        stdout,
        stderr,
    } = process;
    let start = StartEvent { pid };
    let _ = events.send(ProcessEvent { event: start.into() }).await;

    let (exited, exit) = watch::channel(false);
    let stdout = tokio::spawn(output::deliver(
        stdout,
        Kind::Stdout,
        events.clone(),
        exit.clone(),
    ));
    let stderr = tokio::spawn(output::deliver(stderr, Kind::Stderr, events.clone(), exit));
    let end = wait(&mut child, pid, deadline).await;
    drop(stdin);
    let _ = exited.send(true);
    let (stdout, stderr) = (stdout.await, stderr.await);
    let _ = events.send(ProcessEvent { event: end.into() }).await;
    drop(events);

    tokio::join!(
        output::discard(stdout.ok().flatten()),
        output::discard(stderr.ok().flatten())
    );
}

async fn wait(child: &mut Child, pid: u32, deadline: Option<Deadline>) -> EndEvent {
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

fn described(status: io::Result<ExitStatus>, describe: impl FnOnce(ExitStatus) -> EndEvent) -> EndEvent {
    status.map_or_else(|error| ending::lost(&error), describe)
}
