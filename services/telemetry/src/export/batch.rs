//! Sending spans, many at a time.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use metrics::counter;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Span, encode};

/// Spans in one request, at most.
const BATCH: usize = 512;
/// How long the first of a batch waits for the others.
const LINGER: Duration = Duration::from_secs(1);
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is said that it does not take them.
const COMPLAINT: Duration = Duration::from_mins(1);

/// The way to a collector.
pub(super) struct Batches {
    service: &'static str,
    target: Uri,
    http: Client<HttpConnector, Full<Bytes>>,
    complained: Option<Instant>,
}

impl Batches {
    pub(super) fn new(service: &'static str, target: Uri) -> Self {
        Self {
            service,
            target,
            http: Client::builder(TokioExecutor::new()).build_http(),
            complained: None,
        }
    }

    /// Sends what comes, for as long as something may come.
    pub(super) async fn send(mut self, mut queue: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            if batch.len() < BATCH {
                tokio::time::sleep(LINGER).await;
                while batch.len() < BATCH
                    && let Ok(span) = queue.try_recv()
                {
                    batch.push(span);
                }
            }
            if let Err(reason) = self.post(&batch).await {
                counter!("roost_spans_dropped_total").increment(batch.len() as u64);
                self.complain(&reason);
            }
            batch.clear();
        }
    }

    async fn post(&self, batch: &[Span]) -> Result<(), String> {
        let body = encode::request(self.service, batch).to_string();
        let request = Request::post(self.target.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        let sent = async {
            let answer = self
                .http
                .request(request)
                .await
                .map_err(|error| error.to_string())?;
            let status = answer.status();
            // Read to its end, so that the connection can be used again.
            answer
                .into_body()
                .collect()
                .await
                .map_err(|error| error.to_string())?;
            if status.is_success() {
                Ok(())
            } else {
                Err(format!("it answered {status}"))
            }
        };
        timeout(PATIENCE, sent)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
    }

    fn complain(&mut self, reason: &str) {
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT) {
            self.complained = Some(Instant::now());
            tracing::warn!(collector = %self.target, reason, "traces are not taken, and dropped");
        }
    }
}
