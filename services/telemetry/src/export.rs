//! Spans for an OpenTelemetry collector: OTLP over HTTP, in JSON
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! ```text
//!   span ends ──▶ queue (bounded: full, and it is dropped and counted) ──▶ batch ──POST──▶ <endpoint>/v1/traces
//! ```
//!
//! Of the specification's variables `OTEL_EXPORTER_OTLP_ENDPOINT` is heeded, an `http://` URL without a path: what is to be
//! encrypted goes through a collector on the same machine. Without it nothing is kept and nothing is sent.
//! `roost_spans_dropped_total` counts what was not delivered: the work goes on, whatever becomes of its traces.

mod batch;
mod encode;
mod layer;

use hyper::Uri;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use batch::Batches;
use layer::Spans;

/// Names the collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where it takes traces.
const PATH: &str = "/v1/traces";
/// Spans that wait to be sent, at most.
const QUEUE: usize = 4096;

/// What a span has to say of itself at its end.
#[derive(Debug)]
struct Span {
    place: crate::trace::Place,
    name: &'static str,
    attributes: Vec<(&'static str, serde_json::Value)>,
    /// Nanoseconds since 1970.
    began: u64,
    ended: u64,
}

/// What hands the spans of `service` on, if the environment names a collector and there is a runtime to send from.
pub(crate) fn layer(service: &'static str) -> Option<Spans> {
    let endpoint = std::env::var(ENDPOINT)
        .ok()
        .filter(|endpoint| !endpoint.is_empty())?;
    let target = format!("{}{PATH}", endpoint.trim_end_matches('/'));
    let target = match target.parse::<Uri>() {
        Ok(target) if target.scheme_str() == Some("http") => target,
        _ => {
            // The log is not set up yet.
            eprintln!("{ENDPOINT} is {endpoint:?}, which is no http:// URL: no traces are sent");
            return None;
        }
    };
    let runtime = Handle::try_current().ok()?;
    Some(to(service, target, &runtime))
}

fn to(service: &'static str, target: Uri, runtime: &Handle) -> Spans {
    let (sender, receiver) = mpsc::channel(QUEUE);
    runtime.spawn(Batches::new(service, target).send(receiver));
    Spans::new(sender)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tracing::{info_span, subscriber};
    use tracing_subscriber::layer::{Layer, SubscriberExt};

    use super::*;
    use crate::trace::Traces;

    /// Takes one request and answers it; answers its body.
    async fn collect(listener: TcpListener) -> Value {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            stream.read_buf(&mut bytes).await.unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
                let body = serde_json::from_str(body).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
                return body;
            }
        }
    }

    #[tokio::test]
    async fn spans_come_to_the_collector_with_their_places_in_the_trace() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let spans = to("roost-test", target.parse().unwrap(), &Handle::current());
        let traced = tracing_subscriber::registry().with(Traces.and_then(spans));
        subscriber::with_default(traced, || {
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let _none = info_span!("sweep");
            let _unrecorded = info_span!("command", traceparent = parent.replace("-01", "-00"));
            let outer = info_span!("command", traceparent = parent, kind = "create");
            let _inner = info_span!(parent: &outer, "step", step = "start");
        });
        let told = collect(listener).await;
        let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array()
            .unwrap();
        let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
        let (outer, inner) = (named("command create"), named("step start"));
        assert_eq!(outer["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(outer["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(inner["traceId"], outer["traceId"]);
        assert_eq!(inner["parentSpanId"], outer["spanId"]);
        assert_eq!(
            spans.len(),
            2,
            "what has no trace, or is not recorded, is not sent: {told}"
        );
    }
}
