//! A WebSocket of the gateway, whose messages are JSON texts.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use hyper::{Request, StatusCode};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower_service::Service;

use crate::{Answer, Api, Away};

/// How long a gateway that is there is silent at most: it pings at least three times in this time.
const SILENCE: Duration = Duration::from_mins(1);

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>,
    /// When something came last, were it a ping.
    heard: Instant,
}

impl Api {
    /// Opens the WebSocket at `path`. A gateway that refuses does so with a [`Refused`](crate::Refused); one that does not
    /// answer is [`Away`].
    pub async fn socket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket> {
        let what = format!("WebSocket {}{path}", self.base());
        timeout(SILENCE, self.open_socket(path, headers, &what))
            .await
            .with_context(|| Away(format!("{what}: no answer within {SILENCE:?}")))?
    }

    async fn open_socket(&self, path: &str, headers: &[(&str, &str)], what: &str) -> Result<Socket> {
        let away = || Away(what.to_owned());
        let uri = self.base().join(path).with_context(|| what.to_owned())?;
        let request = self.handshake(path, headers).with_context(|| what.to_owned())?;
        let connected = self.connector.clone().call(uri).await;
        let connection = connected.map_err(|error| anyhow::Error::from_boxed(error).context(away()))?;
        match client_async(request, TokioIo::new(connection)).await {
            Ok((stream, _)) => Ok(Socket {
                stream,
                heard: Instant::now(),
            }),
            Err(Error::Http(response)) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                let (parts, body) = response.into_parts();
                let answer = Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body: body.unwrap_or_default().into(),
                };
                Err(answer.refused().into())
            }
            Err(error) => Err(error).with_context(away),
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
        sent.with_context(broke)
    }

    /// The next message, or nothing if the gateway has closed. One that is silent for too long is [`Away`]. Cancelling this
    /// loses nothing.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            let came = timeout_at(self.heard + SILENCE, self.stream.next()).await;
            let came = came.with_context(|| Away(format!("the WebSocket was silent for {SILENCE:?}")))?;
            self.heard = Instant::now();
            match came {
                Some(Ok(Message::Text(text))) => {
                    let message = serde_json::from_str(&text);
                    return message
                        .map(Some)
                        .with_context(|| format!("not the expected JSON: {text}"));
                }
                // Pings are answered by the stream itself.
                Some(Ok(_)) => {}
                None => return Ok(None),
                Some(Err(error)) => return Err(error).with_context(broke),
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // Whoever is gone already needs none.
        let _ = self.stream.close(None).await;
    }
}

fn broke() -> Away {
    Away("the WebSocket broke".to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    use super::*;

    #[tokio::test]
    async fn a_gateway_that_is_silent_is_away_and_one_that_pings_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(listener.local_addr().unwrap(), "key");
        let accept = async { accept_async(listener.accept().await.unwrap().0).await };
        let (socket, gateway) = tokio::join!(api.socket("/v1/events", &[]), accept);
        let (mut socket, mut gateway) = (socket.unwrap(), gateway.unwrap());
        for _ in 0..3 {
            tokio::time::pause();
            tokio::time::advance(SILENCE * 2 / 3).await;
            // A clock that stands still would be moved on before what was sent has come.
            tokio::time::resume();
            gateway.send(Message::Ping(Vec::new().into())).await.unwrap();
            tokio::select! {
                pong = gateway.next() => assert!(matches!(pong, Some(Ok(Message::Pong(_)))), "{pong:?}"),
                message = socket.next::<u32>() => panic!("a ping is no message: {message:?}"),
            }
        }
        gateway.send(Message::text("1")).await.unwrap();
        assert_eq!(socket.next::<u32>().await.unwrap(), Some(1));
        tokio::time::pause();
        let error = socket.next::<u32>().await.unwrap_err();
        assert!(error.is::<Away>(), "{error:#}");
    }
}
