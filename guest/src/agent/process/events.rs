//! From a process's events to the response stream of a call.

use std::time::Duration;

use connectrpc::{ConnectError, ServiceStream};
use futures::stream;
use roost_schemas::envd::process::process_event::KeepAlive;
use roost_schemas::envd::process::{ProcessEvent, StartResponse};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Streams events until their sender is gone, with a keepalive whenever nothing happened for `interval`.
pub(super) fn stream(
    events: mpsc::Receiver<ProcessEvent>,
    interval: Duration,
) -> ServiceStream<StartResponse> {
    Box::pin(stream::unfold(events, move |mut events| async move {
        let event = match timeout(interval, events.recv()).await {
            Ok(event) => event?,
            Err(_) => ProcessEvent {
                event: KeepAlive::default().into(),
            },
        };
        let response = StartResponse { event: event.into() };
        Some((Ok::<_, ConnectError>(response), events))
    }))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use roost_schemas::envd::process::process_event::Event;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_keepalives_and_the_stream_ends_with_its_sender() {
        let (sender, receiver) = mpsc::channel(1);
        let mut events = stream(receiver, Duration::from_secs(90));
        let first = events.next().await.unwrap().unwrap();
        assert!(matches!(first.event.event, Some(Event::Keepalive(_))));
        drop(sender);
        assert!(events.next().await.is_none());
    }
}
