//! How much and how long: the gateway's bounds in one place.

use std::time::Duration;

/// Bytes a request's body may have: what the command queue takes.
pub(crate) const MAX_BODY: usize = roost_schemas::command::MAX_BODY;
/// Entries a page has when its reader names no limit.
pub(crate) const DEFAULT_PAGE: usize = 100;
/// Entries a page has at most.
pub(crate) const MAX_PAGE: usize = 1000;

/// How long the whole body of an API's request may take.
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(30);
/// How long a body that streams through may stand still.
pub(crate) const BODY_SILENCE: Duration = Duration::from_mins(1);

/// Bounds that a deployment may want to move, and a test must.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at the same time; one more is told to come again, or not even that.
    pub connections: usize,
    /// How long a request's head may take, and a connection may wait for its next request.
    pub head: Duration,
    /// Reads of the log's projection under way.
    pub reads: usize,
    /// Commands under way, each waiting for what it leads to; and as many that end something.
    pub writes: usize,
    /// Requests to sandboxes' agents under way.
    pub guests: usize,
    /// Requests to sandboxes' ports under way, tunnels among them.
    pub ports: usize,
    /// How long a command's answer is awaited; also the command's deadline.
    pub reply: Duration,
    /// How long a create waits for its sandbox to run.
    pub create: Duration,
    /// How long a pause, or a snapshot, waits until it is sealed: as much as there is memory may have to be written.
    pub seal: Duration,
    /// How long a resume waits for its sandbox to run.
    pub resume: Duration,
    /// How long a delete waits for its sandbox's host to hold nothing.
    pub delete: Duration,
    /// How long a request waits for the projection to reach a sequence.
    pub catch_up: Duration,
    /// How long a program's last frame is awaited once the log says that the program has ended.
    pub last_frame: Duration,
    /// How long a program's end is awaited beyond its own timeout.
    pub exec_grace: Duration,
    /// Programs whose output is awaited or being sent at the same time.
    pub execs: usize,
    /// Bytes of output held for all of them together.
    pub exec_bytes: usize,
    /// Programs that are followed over a WebSocket at the same time.
    pub streams: usize,
    /// Event streams that are open at the same time; and of one tenant.
    pub event_streams: usize,
    /// See [`Limits::event_streams`].
    pub event_streams_each: usize,
    /// Bytes of events that are held for readers who are a little behind: of one tenant, and of all.
    pub event_backlog: usize,
    /// See [`Limits::event_backlog`].
    pub event_backlogs: usize,
    /// How often an event stream says how far it has come.
    pub heartbeat: Duration,
    /// How long such a client may take for one message, and may keep silent although it is pinged.
    pub silence: Duration,
    /// How long requests may go on after a shutdown was asked for.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(30),
            // A page has a megabyte at most.
            reads: 256,
            // A body has 256 KiB at most.
            writes: 512,
            guests: 512,
            ports: 4096,
            reply: Duration::from_secs(30),
            create: Duration::from_mins(1),
            seal: Duration::from_mins(2),
            resume: Duration::from_mins(1),
            delete: Duration::from_mins(1),
            catch_up: Duration::from_secs(5),
            last_frame: Duration::from_secs(5),
            exec_grace: Duration::from_secs(30),
            execs: 256,
            exec_bytes: 256 << 20,
            streams: 1024,
            event_streams: 16_384,
            event_streams_each: 8192,
            event_backlog: 16 << 20,
            event_backlogs: 256 << 20,
            heartbeat: Duration::from_secs(15),
            silence: Duration::from_mins(1),
            shutdown: Duration::from_secs(10),
        }
    }
}
