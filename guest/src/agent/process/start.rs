//! `Start`: from a request to a running process.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use connectrpc::{ConnectError, RequestContext, Response, ServiceResult, ServiceStream};
use http::HeaderMap;
use roost_schemas::ProcessId;
use roost_schemas::audit::{Ended, Starting};
use roost_schemas::envd::PROCESS_HEADER;
use roost_schemas::envd::process::{StartRequest, StartResponse};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::Processes;
use super::events::Following;
use super::feed::Feed;
use super::follow::{self, Deadline};
use super::plan::{self, Plan, Streams};
use super::registry::{Admission, Registry};
use super::running::Running;
use super::spawn;
use crate::agent::audit::Audit;
use crate::agent::{auth, keepalive, trace};

/// What is told of a process while it waits, runs and ends.
struct Start {
    plan: Plan,
    request: StartRequest,
    deadline: Option<Deadline>,
    registry: Arc<Registry>,
    feed: Arc<Feed>,
    /// Its place, kept until nobody holds its pipes any more.
    admission: Admission,
    /// Its entry to be, when there is to be one.
    entry: Option<Entry>,
}

/// A process that the host must record.
struct Entry {
    process: ProcessId,
    audit: Arc<Audit>,
}

/// Starts a process and follows it.
pub(super) async fn answer(
    service: &Processes,
    context: &RequestContext,
    mut request: StartRequest,
) -> ServiceResult<ServiceStream<StartResponse>> {
    let user = auth::requested_user(context.headers());
    let settings = service.store.current();
    let mut plan = plan::make(Path::new("/"), &request, user, &settings)?;
    if let Some(parent) = trace::parent(context.headers()) {
        plan.go_on(&parent);
    }
    let recorded = recorded(context.headers())?;
    let entry = (recorded.is_none() && settings.audit).then(|| Entry {
        process: random_id(),
        audit: Arc::clone(&service.audit),
    });
    if let Some(process) = recorded {
        request.tag.get_or_insert_with(|| process.into());
    }
    let admission = service.registry.admit(&request.process, request.tag.as_deref())?;
    let feed = service.registry.feed();
    // Before the process can write or end: its first reader misses nothing.
    let reader = feed.read()?;
    let keepalive = keepalive::interval(context.headers());
    let start = Start {
        plan,
        request,
        deadline: Deadline::of(context),
        registry: Arc::clone(&service.registry),
        feed,
        admission,
        entry,
    };
    let (started, pid) = oneshot::channel();
    // In a task of its own: the process outlives this call, which ends with the client's connection.
    tokio::spawn(start.run(started));
    let pid = pid
        .await
        .map_err(|_| ConnectError::internal("the agent lost the process it was starting"))??;
    let following = Following {
        pid,
        reader,
        keepalive,
        until: None,
    };
    Ok(Response::new(following.stream()))
}

impl Start {
    async fn run(self, started: oneshot::Sender<Result<u32, ConnectError>>) {
        // Whoever asked may be gone, and the process runs nevertheless.
        if let Some(entry) = &self.entry
            && let Err(barred) = entry.audit.admit(self.starting(entry)).await
        {
            let _ = started.send(Err(barred.into()));
            return;
        }
        let spawned = match spawn::spawn(&self.plan).await {
            Ok(spawned) => spawned,
            Err(error) => {
                if let Some(entry) = self.entry {
                    entry.audit.never_started(entry.process, &error.to_string());
                }
                let _ = started.send(Err(error.into()));
                return;
            }
        };
        let process = Arc::new(Running {
            pid: spawned.pid,
            tag: self.request.tag,
            config: self.request.process.into_option().unwrap_or_default(),
            started: Instant::now(),
            input: spawned.input,
            feed: self.feed,
            exited: watch::Sender::new(false),
        });
        self.registry.add(Arc::clone(&process));
        let _ = started.send(Ok(process.pid));
        let (ending, leftovers) = follow::follow(
            &process,
            spawned.child,
            spawned.sources,
            self.deadline,
            &self.registry,
        )
        .await;
        if let Some(entry) = self.entry {
            let written = process.feed.written();
            entry.audit.ended(Ended {
                process: entry.process,
                status: ending.status,
                duration_ms: u64::try_from(process.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                stdout_bytes: written.stdout + written.pty,
                stderr_bytes: written.stderr,
            });
        }
        drop(process);
        leftovers.discard().await;
        drop(self.admission);
    }

    fn starting(&self, entry: &Entry) -> Starting {
        let seconds = |deadline: Deadline| deadline.after.as_millis().div_ceil(1000);
        Starting {
            process: entry.process.clone(),
            cmd: self.plan.program.clone(),
            args: self.plan.args.clone(),
            cwd: self.plan.directory.to_string_lossy().into_owned(),
            user: self.plan.user.name.clone(),
            timeout_sec: self
                .deadline
                .map(|deadline| u32::try_from(seconds(deadline)).unwrap_or(u32::MAX)),
            pty: matches!(self.plan.streams, Streams::Terminal(_)),
            tag: self.request.tag.clone(),
        }
    }
}

/// The id under which the host has recorded the process already, if it has.
fn recorded(headers: &HeaderMap) -> Result<Option<ProcessId>, ConnectError> {
    let Some(value) = headers.get(PROCESS_HEADER) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    ProcessId::new(text)
        .map(Some)
        .map_err(|error| ConnectError::invalid_argument(format!("{PROCESS_HEADER}: {error}")))
}

/// An id for a process that clients start.
fn random_id() -> ProcessId {
    /// Hexadecimal digits, of which all but one are random: 72 bits.
    const DIGITS: usize = 19;
    let digits = Uuid::new_v4().simple().to_string();
    ProcessId::new(format!("p{}", &digits[..DIGITS])).expect("20 characters a-z and 0-9")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_from_the_host_or_made_afresh() {
        let headers = |value: &'static str| {
            let name = http::HeaderName::from_static(PROCESS_HEADER);
            HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))])
        };
        assert_eq!(recorded(&HeaderMap::new()).unwrap(), None);
        assert_eq!(recorded(&headers("p1")).unwrap().unwrap().as_str(), "p1");
        assert!(recorded(&headers("P 1")).is_err());
        assert_ne!(random_id(), random_id());
        assert_eq!(random_id().as_str().len(), 20);
    }
}
