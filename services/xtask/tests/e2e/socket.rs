//! A client of the WebSocket over which programs run.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};
use xtask::stack::Stack;

/// How long any one message is awaited.
const PATIENCE: Duration = Duration::from_mins(1);

/// One socket, and what came over it.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// What the program wrote, on all channels together.
    pub(crate) output: Vec<u8>,
}

impl Socket {
    /// Opens one at `path`, such as `/v1/sandboxes/…/exec/stream`.
    pub(crate) async fn open(stack: &Stack, path: &str) -> Result<Self> {
        let address: SocketAddr = stack.gateway();
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        request
            .headers_mut()
            .insert("x-api-key", stack.state().api_key().parse()?);
        let (stream, _) = client_async(request, TcpStream::connect(address).await?).await?;
        let output = Vec::new();
        Ok(Self { stream, output })
    }

    /// Opens one and has a program run; answers with its id too.
    pub(crate) async fn start(stack: &Stack, sandbox: &str, mut program: Value) -> Result<(Self, String)> {
        let mut socket = Self::open(stack, &format!("/v1/sandboxes/{sandbox}/exec/stream")).await?;
        program["type"] = json!("start");
        socket.send(&program).await?;
        let started = socket.next().await?;
        let process = started["process_id"]
            .as_str()
            .with_context(|| started.to_string())?;
        let process = process.to_owned();
        Ok((socket, process))
    }

    pub(crate) async fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }

    pub(crate) async fn stdin(&mut self, text: &str) -> Result<()> {
        self.send(&json!({"type": "stdin", "data": STANDARD.encode(text)}))
            .await
    }

    /// The next message; what it brings of output is kept.
    pub(crate) async fn next(&mut self) -> Result<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let message = message.context("nothing came")?.context("the socket ended")??;
            let Message::Text(text) = message else {
                if message.is_close() {
                    bail!("closed: {message:?}");
                }
                continue;
            };
            let message: Value = serde_json::from_str(&text)?;
            if let Some(data) = message["data"].as_str() {
                self.output.extend(STANDARD.decode(data)?);
            }
            return Ok(message);
        }
    }

    /// Reads until the program has written `text`.
    pub(crate) async fn until(&mut self, text: &str) -> Result<()> {
        while !String::from_utf8_lossy(&self.output).contains(text) {
            let message = self.next().await?;
            if message["type"] != "output" {
                bail!(
                    "{message} before {text:?}, after {:?}",
                    String::from_utf8_lossy(&self.output)
                );
            }
        }
        Ok(())
    }

    /// Reads to the end of the program.
    pub(crate) async fn end(&mut self) -> Result<Value> {
        loop {
            let message = self.next().await?;
            match message["type"].as_str() {
                Some("output") => {}
                Some("end") => return Ok(message),
                _ => bail!("{message}"),
            }
        }
    }
}
