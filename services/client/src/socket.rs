//! A WebSocket of the gateway, whose messages are JSON texts.

use anyhow::{Context, Result, anyhow};
use futures::{SinkExt, StreamExt};
use hyper::{Request, StatusCode};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower_service::Service;

use crate::{Answer, Api};

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>,
}

impl Api {
    /// Opens the WebSocket at `path`. A gateway that refuses does so with a [`Refused`](crate::Refused).
    pub async fn socket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket> {
        let what = format!("WebSocket {}{path}", self.base());
        let uri = self.base().join(path).with_context(|| what.clone())?;
        let request = self.handshake(path, headers).with_context(|| what.clone())?;
        let connected = self.connector.clone().call(uri).await;
        let connection = connected.map_err(|error| anyhow!(error).context(what.clone()))?;
        match client_async(request, TokioIo::new(connection)).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(Error::Http(response)) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                let (parts, body) = response.into_parts();
                let answer = Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body: body.unwrap_or_default().into(),
                };
                Err(answer.refused().into())
            }
            Err(error) => Err(error).context(what),
        }
    }

    /// What asks for a WebSocket.
    fn handshake(&self, path: &str, headers: &[(&str, &str)]) -> Result<Request<()>, hyper::http::Error> {
        let mut request = self.request(path)?.uri(self.base().join_socket(path)?);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("host", self.base().authority())
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .body(())
    }
}

impl Socket {
    /// Sends a message.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        let sent = self.stream.send(Message::text(message.to_string())).await;
        sent.context("the WebSocket broke")
    }

    /// The next message, or nothing if the gateway has closed. Cancelling this loses nothing.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message = serde_json::from_str(&text);
                    return message
                        .map(Some)
                        .with_context(|| format!("not the expected JSON: {text}"));
                }
                // Pings are answered by the stream itself.
                Some(Ok(_)) => {}
                None => return Ok(None),
                Some(Err(error)) => return Err(error).context("the WebSocket broke"),
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // Whoever is gone already needs none.
        let _ = self.stream.close(None).await;
    }
}
