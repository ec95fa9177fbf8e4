//! Guests: what answers inside a VM.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use roost_schemas::audit::{Answer, Notice};
use roost_schemas::command::PtySize;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;
use roost_schemas::{ProcessId, SandboxId};
use tokio::sync::mpsc;

use super::Fault;

/// What a guest is told before anyone may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Whom it belongs to.
    pub sandbox: SandboxId,
    /// Variables of every process.
    pub env: BTreeMap<String, String>,
    /// Whether it wakes from a snapshot: it then gets its own name, clock and randomness before its programs run on.
    pub restored: bool,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its id in the log, by which the guest knows it too.
    pub process: ProcessId,
    /// Its path, or a name to look up.
    pub cmd: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub cwd: Option<String>,
    /// Variables added to the sandbox's.
    pub env: BTreeMap<String, String>,
    /// As whom.
    pub user: Option<String>,
    /// Seconds until the guest kills it.
    pub timeout_sec: u32,
    /// Whether its input can be written to.
    pub stdin: bool,
    /// Its terminal.
    pub pty: Option<PtySize>,
}

/// What a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// It wrote.
    Data(Channel, Bytes),
    /// It wrote so many bytes to it that the guest could not keep for us.
    Lost(Channel, u64),
    /// It ended; nothing follows.
    End(ExitStatus),
}

/// A program's doings in order. A fault, or an end without [`Output::End`], means that the connection broke.
pub type Outputs = BoxStream<'static, Result<Output, Fault>>;

/// A guest's wishes to start programs, and their ends; see [`roost_schemas::audit`].
pub struct AuditFeed {
    /// What is to be recorded, in order. A fault, or the end, means that the connection broke.
    pub notices: BoxStream<'static, Result<Notice, Fault>>,
    /// What became of each.
    pub answers: mpsc::Sender<Answer>,
}

/// The guests of this host.
#[async_trait]
pub trait Guests: Send + Sync + 'static {
    /// Waits, boundedly, until the guest at `address` answers, and greets it. Cancelled by being dropped.
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault>;
    /// Waits, boundedly, until the guest at `address` answers, and greets nobody.
    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault>;
    /// Lets the guest come to rest: its writes are on its drive and its users' programs stand still. Again, if they do.
    async fn quiesce(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault>;
    /// Lets its users' programs run on.
    async fn wake(&self, address: IpAddr, sandbox: &SandboxId) -> Result<(), Fault>;
    /// What a program that runs already does, from the oldest output that its guest has kept.
    async fn follow(
        &self,
        address: IpAddr,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Outputs, Fault>;
    /// Runs a program. A program that cannot be run gives [`ExitStatus::NotStarted`], not a fault.
    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault>;
    /// Connects to the guest's audit feed, in place of an earlier connection.
    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault>;
}
