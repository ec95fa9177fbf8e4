//! `process.Process`: commands of the sandbox, as Connect calls.
//!
//! ```text
//! Start ─▶ admit ─▶ audit ─▶ spawn ─▶ follow ─▶ deliver ─▶ feed (ring) ─▶ readers: Start, Connect …
//!                              │        │                                   each a response stream
//!                              ▼        └─▶ wait for the end or deadline
//!                           registry ◀── List, Update, SendInput, StreamInput, SendSignal, CloseStdin
//! ```

mod budget;
mod connect;
mod counts;
mod ending;
mod events;
mod feed;
mod follow;
mod input;
pub(super) mod output;
pub(super) mod plan;
mod registry;
mod ring;
mod running;
mod send_signal;
pub(super) mod session;
pub(super) mod spawn;
mod start;
mod stream_input;
mod terminal;
mod update;

use std::sync::Arc;

use connectrpc::{InboundStream, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};
use roost_schemas::envd::process::{
    CloseStdinRequest, CloseStdinResponse, ConnectRequest, ConnectResponse, ListRequest, ListResponse,
    Process, SendInputRequest, SendInputResponse, SendSignalRequest, SendSignalResponse, StartRequest,
    StartResponse, StreamInputRequest, StreamInputResponse, UpdateRequest, UpdateResponse,
};

use super::audit::Audit;
use super::settings::Store;
use budget::Budget;
use registry::Registry;

/// The service.
pub(super) struct Processes {
    store: Arc<Store>,
    audit: Arc<Audit>,
    registry: Arc<Registry>,
}

impl Processes {
    pub(super) fn new(store: Arc<Store>, audit: Arc<Audit>) -> Self {
        Self {
            store,
            audit,
            registry: Registry::new(Budget::of_guest()),
        }
    }
}

#[allow(
    refining_impl_trait,
    reason = "each method names the one type it answers with"
)]
impl Process for Processes {
    async fn list(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, ListRequest>,
    ) -> ServiceResult<ListResponse> {
        let processes = self.registry.list();
        Ok(Response::new(ListResponse { processes }))
    }

    async fn start(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StartRequest>,
    ) -> ServiceResult<ServiceStream<StartResponse>> {
        start::answer(self, &context, request.to_owned_message()).await
    }

    async fn connect(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ConnectRequest>,
    ) -> ServiceResult<ServiceStream<ConnectResponse>> {
        connect::answer(&self.registry, &context, &request.to_owned_message())
    }

    async fn update(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, UpdateRequest>,
    ) -> ServiceResult<UpdateResponse> {
        update::answer(&self.registry, &request.to_owned_message())
    }

    async fn stream_input(
        &self,
        _: RequestContext,
        requests: InboundStream<StreamInputRequest>,
    ) -> ServiceResult<StreamInputResponse> {
        stream_input::answer(&self.registry, requests).await
    }

    async fn send_input(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, SendInputRequest>,
    ) -> ServiceResult<SendInputResponse> {
        let request = request.to_owned_message();
        let process = self.registry.find(&request.process)?;
        let input = request.input.into_option().and_then(|input| input.input);
        process.send(input).await?;
        Ok(Response::new(SendInputResponse::default()))
    }

    async fn send_signal(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, SendSignalRequest>,
    ) -> ServiceResult<SendSignalResponse> {
        send_signal::answer(&self.registry, &request.to_owned_message())
    }

    async fn close_stdin(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, CloseStdinRequest>,
    ) -> ServiceResult<CloseStdinResponse> {
        let process = self.registry.find(&request.to_owned_message().process)?;
        process.close_input().await?;
        Ok(Response::new(CloseStdinResponse::default()))
    }
}
