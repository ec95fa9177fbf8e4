//! `filesystem.Filesystem`: looks at, changes and watches the sandbox's files, as Connect calls.
//!
//! Everything is done as root on behalf of a user, see [`super::actor`]; what may block is done on other threads.

mod entry;
mod list_dir;
mod make_dir;
mod names;
mod permissions;
mod remove;
mod rename;
mod stat;
mod watch;
mod watch_dir;

use std::sync::Arc;

use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};
use roost_schemas::envd::filesystem::{
    CreateWatcherRequest, CreateWatcherResponse, Filesystem, GetWatcherEventsRequest,
    GetWatcherEventsResponse, ListDirRequest, ListDirResponse, MakeDirRequest, MakeDirResponse, MoveRequest,
    MoveResponse, RemoveRequest, RemoveResponse, RemoveWatcherRequest, RemoveWatcherResponse, StatRequest,
    StatResponse, WatchDirRequest, WatchDirResponse,
};
use tokio::sync::Semaphore;

use super::actor::Actor;
use super::blocking::blocking;
use super::keepalive;
use super::settings::Store;
use watch::{Limit, Polls, Watcher, Wish};

/// Listings made at a time: each is held in memory.
const LISTINGS: usize = 4;

/// The service.
pub(super) struct Files {
    store: Arc<Store>,
    listings: Semaphore,
    watchers: Limit,
    polls: Polls,
}

impl Files {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            listings: Semaphore::new(LISTINGS),
            watchers: Limit::new(),
            polls: Polls::default(),
        }
    }

    fn actor(&self, context: &RequestContext) -> Result<Actor, ConnectError> {
        Ok(Actor::of(context, &self.store.current())?)
    }
}

#[allow(
    refining_impl_trait,
    reason = "each method names the one type it answers with"
)]
impl Filesystem for Files {
    async fn stat(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StatRequest>,
    ) -> ServiceResult<StatResponse> {
        let path = self.actor(&context)?.resolve(request.path)?;
        let entry = blocking(move || stat::run(&path)).await?;
        Ok(Response::new(StatResponse { entry: entry.into() }))
    }

    async fn make_dir(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, MakeDirRequest>,
    ) -> ServiceResult<MakeDirResponse> {
        let actor = self.actor(&context)?;
        let path = actor.resolve(request.path)?;
        let entry = blocking(move || make_dir::run(&actor, &path)).await?;
        Ok(Response::new(MakeDirResponse { entry: entry.into() }))
    }

    async fn r#move(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, MoveRequest>,
    ) -> ServiceResult<MoveResponse> {
        let actor = self.actor(&context)?;
        let source = actor.resolve(request.source)?;
        let destination = actor.resolve(request.destination)?;
        let entry = blocking(move || rename::run(&actor, &source, &destination)).await?;
        Ok(Response::new(MoveResponse { entry: entry.into() }))
    }

    async fn list_dir(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListDirRequest>,
    ) -> ServiceResult<ListDirResponse> {
        let path = self.actor(&context)?.resolve(request.path)?;
        let depth = request.depth;
        let _turn = self.listings.acquire().await;
        let entries = blocking(move || list_dir::run(&path, depth, list_dir::MOST)).await?;
        Ok(Response::new(ListDirResponse { entries }))
    }

    async fn remove(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, RemoveRequest>,
    ) -> ServiceResult<RemoveResponse> {
        let path = self.actor(&context)?.resolve(request.path)?;
        blocking(move || remove::run(&path)).await?;
        Ok(Response::new(RemoveResponse::default()))
    }

    async fn watch_dir(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, WatchDirRequest>,
    ) -> ServiceResult<ServiceStream<WatchDirResponse>> {
        let wish = Wish {
            path: self.actor(&context)?.resolve(request.path)?,
            recursive: request.recursive,
            with_entries: request.include_entry,
            network_too: request.allow_network_mounts,
        };
        let watcher = Watcher::start(wish, &self.watchers).await?;
        let interval = keepalive::interval(context.headers());
        Ok(Response::new(watch_dir::stream(watcher, interval)))
    }

    async fn create_watcher(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateWatcherRequest>,
    ) -> ServiceResult<CreateWatcherResponse> {
        let wish = Wish {
            path: self.actor(&context)?.resolve(request.path)?,
            recursive: request.recursive,
            with_entries: request.include_entry,
            network_too: request.allow_network_mounts,
        };
        let watcher_id = self.polls.create(wish, &self.watchers).await?;
        Ok(Response::new(CreateWatcherResponse { watcher_id }))
    }

    async fn get_watcher_events(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, GetWatcherEventsRequest>,
    ) -> ServiceResult<GetWatcherEventsResponse> {
        let events = self.polls.take(request.watcher_id)?;
        Ok(Response::new(GetWatcherEventsResponse { events }))
    }

    async fn remove_watcher(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, RemoveWatcherRequest>,
    ) -> ServiceResult<RemoveWatcherResponse> {
        self.polls.remove(request.watcher_id)?;
        Ok(Response::new(RemoveWatcherResponse::default()))
    }
}
