//! `filesystem.Filesystem/WatchDir`.

use std::time::Duration;

use connectrpc::{ConnectError, ServiceStream};
use futures::{StreamExt, stream};
use roost_schemas::envd::filesystem::watch_dir_response::{Event, KeepAlive, StartEvent};
use roost_schemas::envd::filesystem::{FilesystemEvent, WatchDirResponse};
use tokio::time::timeout;

use super::watch::Watcher;

/// Streams what `watcher` sees: the start first, then events, and a keepalive whenever nothing happened for `interval`.
pub(super) fn stream(watcher: Watcher, interval: Duration) -> ServiceStream<WatchDirResponse> {
    let start = response(StartEvent::default());
    let changes = stream::unfold(Some(watcher), move |watcher| async move {
        let mut watcher = watcher?;
        let (answers, watcher) = match timeout(interval, watcher.next()).await {
            Ok(Ok(events)) => (
                events.into_iter().map(|event| Ok(changed(event))).collect(),
                Some(watcher),
            ),
            Ok(Err(error)) => (vec![Err(ConnectError::from(error))], None),
            Err(_) => (vec![Ok(response(KeepAlive::default()))], Some(watcher)),
        };
        Some((stream::iter(answers), watcher))
    });
    Box::pin(stream::once(async { Ok(start) }).chain(changes.flatten()).fuse())
}

fn changed(event: FilesystemEvent) -> WatchDirResponse {
    response(event)
}

fn response(event: impl Into<Event>) -> WatchDirResponse {
    WatchDirResponse {
        event: Some(event.into()),
    }
}
