//! What the client has done to the program: in order, but signals do not wait for input that nobody reads.

use std::time::Duration;

use bytes::Bytes;
use roost_schemas::{ProcessId, SandboxId};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::socket::{Cut, Reader};
use crate::dto::stream::StreamRequest;
use crate::error::ApiError;
use crate::guest::{Act, Program};
use crate::state::Gateway;

/// Messages that wait for the program; beyond them the client has to.
const QUEUED: usize = 2;
/// How long what was queued may take once the client is gone.
const LINGER: Duration = Duration::from_secs(10);

/// The way to one program.
pub(super) struct Input {
    pty: bool,
    written: mpsc::Sender<Act>,
    controls: mpsc::Sender<Act>,
    complaints: mpsc::Sender<ApiError>,
    _gone: DropGuard,
}

impl Input {
    /// To `process`, which has a terminal or not; what fails is told on the second half.
    pub(super) fn new(
        gateway: &Gateway,
        sandbox: &SandboxId,
        process: &ProcessId,
        pty: bool,
    ) -> (Self, mpsc::Receiver<ApiError>) {
        let (complaints, told) = mpsc::channel(1);
        let gone = CancellationToken::new();
        let queue = || {
            let (queue, acts) = mpsc::channel(QUEUED);
            let worker = Worker {
                gateway: gateway.clone(),
                sandbox: sandbox.clone(),
                program: Program::Id(process.clone()),
                complaints: complaints.clone(),
            };
            let gone = gone.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = worker.work(acts) => {}
                    () = async { gone.cancelled().await; tokio::time::sleep(LINGER).await } => {}
                }
            });
            queue
        };
        let input = Self {
            pty,
            written: queue(),
            controls: queue(),
            complaints,
            _gone: gone.drop_guard(),
        };
        (input, told)
    }

    /// Takes what the client says until it is gone.
    pub(super) async fn take(self, reader: &mut Reader) -> Cut {
        loop {
            let done = match reader.next().await {
                Ok(Ok(request)) => self.pass(request).await,
                Ok(Err(error)) => self.complaints.send(error).await.map_err(drop),
                Err(cut) => return cut,
            };
            if done.is_err() {
                // Only the end of the session ends those who take from here.
                return Cut::Gone;
            }
        }
    }

    async fn pass(&self, request: StreamRequest) -> Result<(), ()> {
        let (queue, act) = match request {
            StreamRequest::Stdin { data } if self.pty => (&self.written, Act::Type(Bytes::from(data))),
            StreamRequest::Stdin { data } => (&self.written, Act::Write(Bytes::from(data))),
            StreamRequest::CloseStdin => (&self.written, Act::Close),
            StreamRequest::Resize(size) => (&self.controls, Act::Resize(size.into())),
            StreamRequest::Signal { signal } => (&self.controls, Act::Signal(signal.into())),
            StreamRequest::Start(_) => {
                let error = ApiError::invalid("a stream runs one program: open another for another");
                return self.complaints.send(error).await.map_err(drop);
            }
        };
        queue.send(act).await.map_err(drop)
    }
}

/// Does one queue's acts.
struct Worker {
    gateway: Gateway,
    sandbox: SandboxId,
    program: Program,
    complaints: mpsc::Sender<ApiError>,
}

impl Worker {
    async fn work(self, mut acts: mpsc::Receiver<Act>) {
        while let Some(act) = acts.recv().await {
            if let Err(error) = self.gateway.act(&self.sandbox, &self.program, &act).await {
                // Nobody listens any more once the session is over.
                let _ = self.complaints.send(error).await;
            }
        }
    }
}
