//! Readers of events, and a log that fills as fast as a test likes.

use std::net::SocketAddr;

use futures::StreamExt;
use roost_gateway::Ports;
use roost_journal::port::Append;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::KEY;
use crate::world::LONG;

/// A reader over a WebSocket.
pub(crate) struct Reader(pub(crate) WebSocketStream<TcpStream>);

/// Opens one with this key; or answers the status and body of the refusal.
pub(crate) async fn try_open(address: SocketAddr, path: &str, key: &str) -> Result<Reader, (u16, Value)> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    request.headers_mut().insert("x-api-key", key.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    match client_async(request, stream).await {
        Ok((stream, _)) => Ok(Reader(stream)),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err((response.status().as_u16(), serde_json::from_slice(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn open(address: SocketAddr, path: &str) -> Reader {
    try_open(address, path, KEY).await.ok().unwrap()
}

impl Reader {
    /// The next message, heartbeats too; or the code and reason of the close.
    pub(crate) async fn any(&mut self) -> Result<Value, (u16, String)> {
        loop {
            let message = tokio::time::timeout(LONG, self.0.next())
                .await
                .expect("it goes on");
            match message.expect("a close comes first").unwrap() {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => {
                    let frame = frame.unwrap();
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                _ => {}
            }
        }
    }

    /// The next that is no heartbeat.
    pub(crate) async fn next(&mut self) -> Result<Value, (u16, String)> {
        loop {
            let message = self.any().await?;
            if message["type"] != "heartbeat" {
                return Ok(message);
            }
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        let event = self.next().await.unwrap();
        assert!(event["subject"].is_string(), "{event}");
        event
    }

    /// Events until the log's head, which is at `last`.
    pub(crate) async fn until(&mut self, last: u64) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let done = event["sequence"].as_u64() >= Some(last) && event["more"].is_null();
            events.push(event);
            if done {
                return events;
            }
        }
    }

    /// The end that is told, and the close that follows.
    pub(crate) async fn end(&mut self) -> (Value, u16) {
        let mut last = Value::Null;
        loop {
            match self.next().await {
                Ok(message) => last = message,
                Err((code, _)) => return (last, code),
            }
        }
    }
}

/// Writes commits of two events each about one sandbox.
pub(crate) struct Writer {
    ports: Ports,
    subject: EventSubject,
    last: Sequence,
}

impl Writer {
    pub(crate) fn new(ports: &Ports, tenant: &str, sandbox: &str) -> Self {
        let tenant = TenantId::new(tenant).unwrap();
        Self {
            ports: ports.clone(),
            subject: EventSubject::sandbox(tenant, SandboxId::new(sandbox).unwrap()),
            last: Sequence(0),
        }
    }

    /// So many commits; where the last stands.
    pub(crate) async fn write(&mut self, commits: usize) -> u64 {
        for _ in 0..commits {
            let command_id = CommandId::random();
            let commit = Commit {
                command_id: command_id.clone(),
                schema_version: SCHEMA_VERSION,
                at: Timestamp::now(),
                principal: "test".to_owned(),
                events: vec![SandboxEvent::Stopped, SandboxEvent::Stopped],
            };
            let payload = commit.encode().into();
            let journal = &self.ports.journal;
            let appended = journal
                .append(&self.subject, self.last, &command_id, payload)
                .await;
            let Append::Stored(sequence) = appended.unwrap() else {
                panic!("nobody else writes here")
            };
            self.last = sequence;
            // Those who read are to have their turns.
            tokio::task::yield_now().await;
        }
        self.last.0
    }
}

/// The sequences of whole commits, each of two events, in the order in which they were told.
pub(crate) fn whole(events: &[Value]) -> Vec<u64> {
    let pairs = events.chunks(2).map(|pair| {
        let [first, second] = pair else {
            panic!("half a commit: {pair:?}")
        };
        assert_eq!(first["sequence"], second["sequence"]);
        assert!(first["more"] == true && second["more"].is_null());
        first["sequence"].as_u64().unwrap()
    });
    pairs.collect()
}
