//! QEMU's monitor, see `docs/interop/qmp-spec.txt` in its source.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::PATIENCE;

/// The name of its socket.
pub(super) const SOCKET: &str = "qmp";

/// A connection that may give orders.
pub(super) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    pub(super) async fn connect(folder: &Path) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(folder.join(SOCKET)).await {
                Ok(stream) => break stream,
                // QEMU has only just been started.
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            sleep(Duration::from_millis(5)).await;
        };
        let mut monitor = Self(BufReader::new(stream));
        monitor.line().await;
        monitor.order("qmp_capabilities", json!({})).await;
        monitor
    }

    /// Gives an order and returns what it brought.
    pub(super) async fn order(&mut self, name: &str, arguments: Value) -> Value {
        let order = json!({"execute": name, "arguments": arguments});
        self.0.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        loop {
            let mut line = self.line().await;
            assert!(line.get("error").is_none(), "{name}: {line}");
            // Events come in between.
            if let Some(brought) = line.get_mut("return") {
                return brought.take();
            }
        }
    }

    /// Waits until a migration out of this QEMU is complete.
    pub(super) async fn migrated(&mut self) {
        self.until("query-migrate", "completed").await;
    }

    /// Waits until a migration into this QEMU is complete.
    pub(super) async fn arrived(&mut self) {
        self.until("query-status", "paused").await;
    }

    async fn until(&mut self, query: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.order(query, json!({})).await;
            if state["status"] == wanted {
                return;
            }
            assert!(
                state["status"] != "failed" && Instant::now() < deadline,
                "{state}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn line(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}
