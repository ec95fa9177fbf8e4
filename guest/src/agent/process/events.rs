//! From a process's events to the response stream of a call.

use std::time::Duration;

use connectrpc::{ConnectError, ServiceStream};
use futures::stream;
use http::HeaderMap;
use roost_schemas::envd::KEEPALIVE_HEADER;
use roost_schemas::envd::process::process_event::KeepAlive;
use roost_schemas::envd::process::{ProcessEvent, StartResponse};
use tokio::sync::mpsc;
use tokio::time::timeout;

const DEFAULT_KEEPALIVE: u64 = 90;
/// Nobody needs less; more than a day is as good as never.
const KEEPALIVE_RANGE: (u64, u64) = (1, 86_400);

/// The asked time between keepalive events; what is not a number counts as not asked.
pub(super) fn keepalive(headers: &HeaderMap) -> Duration {
    let asked = headers
        .get(KEEPALIVE_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let (least, most) = KEEPALIVE_RANGE;
    Duration::from_secs(asked.unwrap_or(DEFAULT_KEEPALIVE).clamp(least, most))
}

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

    #[test]
    fn the_interval_is_bounded_and_has_a_default() {
        let interval = |value: &str| {
            let name = http::HeaderName::from_static(KEEPALIVE_HEADER);
            keepalive(&HeaderMap::from_iter([(name, value.parse().unwrap())])).as_secs()
        };
        assert_eq!(
            (
                interval("50"),
                interval("0"),
                interval("999999"),
                interval("soon")
            ),
            (50, 1, 86_400, 90)
        );
        assert_eq!(keepalive(&HeaderMap::new()).as_secs(), 90);
    }

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
