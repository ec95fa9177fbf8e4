//! `process.Process`: commands of the sandbox, as Connect calls.
//!
//! ```text
//! Start ─▶ spawn ─▶ follow ──▶ deliver stdout, stderr ──┐
//!                     │                                 ├─▶ channel ─▶ response stream (+ keepalive)
//!                     └──▶ wait for the end or deadline ┘
//! ```

mod ending;
mod events;
mod follow;
mod output;
mod plan;
mod session;
mod spawn;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use connectrpc::{
    ConnectError, InboundStream, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream,
};
use roost_schemas::envd::process::{
    CloseStdinRequest, CloseStdinResponse, ConnectRequest, ConnectResponse, ListRequest, ListResponse,
    Process, SendInputRequest, SendInputResponse, SendSignalRequest, SendSignalResponse, StartRequest,
    StartResponse, StreamInputRequest, StreamInputResponse, UpdateRequest, UpdateResponse,
};
use tokio::sync::{mpsc, oneshot};

use super::settings::Store;
use super::{auth, keepalive};
use follow::Deadline;

/// Events that wait for a slow reader; with chunks of 32 KiB this bounds what one process holds in memory.
const QUEUE: usize = 4;

/// The service.
pub(super) struct Processes {
    store: Arc<Store>,
    /// The program that becomes the command: this one.
    helper: PathBuf,
}

impl Processes {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            helper: PathBuf::from("/proc/self/exe"),
        }
    }
}

#[allow(
    refining_impl_trait,
    reason = "each method names the one type it answers with"
)]
impl Process for Processes {
    async fn start(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StartRequest>,
    ) -> ServiceResult<ServiceStream<StartResponse>> {
        let user = auth::requested_user(context.headers());
        let plan = plan::make(
            Path::new("/"),
            &request.to_owned_message(),
            user,
            &self.store.current(),
        )?;
        let deadline = Deadline::of(&context);
        let keepalive = keepalive::interval(context.headers());
        let helper = self.helper.clone();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (started, start) = oneshot::channel();
        // In a task of its own: the process outlives this call, which ends with the client's connection.
        tokio::spawn(async move {
            match spawn::spawn(&helper, &plan).await {
                Ok(process) => {
                    let _ = started.send(Ok(()));
                    follow::follow(process, deadline, sender).await;
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        });
        start
            .await
            .map_err(|_| ConnectError::internal("the agent lost the process it was starting"))??;
        Ok(Response::new(events::stream(receiver, keepalive)))
    }

    async fn list(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, ListRequest>,
    ) -> ServiceResult<ListResponse> {
        Err(unimplemented("List"))
    }

    async fn connect(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, ConnectRequest>,
    ) -> ServiceResult<ServiceStream<ConnectResponse>> {
        Err(unimplemented("Connect"))
    }

    async fn update(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, UpdateRequest>,
    ) -> ServiceResult<UpdateResponse> {
        Err(unimplemented("Update"))
    }

    async fn stream_input(
        &self,
        _: RequestContext,
        _: InboundStream<StreamInputRequest>,
    ) -> ServiceResult<StreamInputResponse> {
        Err(unimplemented("StreamInput"))
    }

    async fn send_input(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, SendInputRequest>,
    ) -> ServiceResult<SendInputResponse> {
        Err(unimplemented("SendInput"))
    }

    async fn send_signal(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, SendSignalRequest>,
    ) -> ServiceResult<SendSignalResponse> {
        Err(unimplemented("SendSignal"))
    }

    async fn close_stdin(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, CloseStdinRequest>,
    ) -> ServiceResult<CloseStdinResponse> {
        Err(unimplemented("CloseStdin"))
    }
}

fn unimplemented(method: &str) -> ConnectError {
    ConnectError::unimplemented(format!("process.Process/{method} is not served by this agent"))
}
