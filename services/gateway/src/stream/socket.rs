//! The two halves of the socket, in our messages and within our patience.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout};

use crate::dto::stream::{StreamMessage, StreamRequest};
use crate::error::ApiError;

/// How long a client may take to answer our close. What it sends meanwhile is thrown away: a connection that is closed
/// over unread bytes is reset, and our last messages with it.
const CLOSING: Duration = Duration::from_secs(5);
/// Bytes of a close's reason; the frame has no room for more.
const MAX_REASON: usize = 120;

/// The client is not there any more, or as good as that.
#[derive(Debug)]
pub(super) struct Gone;

/// What the client says.
pub(super) struct Reader {
    stream: SplitStream<WebSocket>,
    silence: Duration,
}

/// What it is told.
pub(super) struct Writer {
    sink: SplitSink<WebSocket, Message>,
    silence: Duration,
}

/// The socket in two, of a client that may be silent for so long.
pub(super) fn split(socket: WebSocket, silence: Duration) -> (Reader, Writer) {
    let (sink, stream) = socket.split();
    (Reader { stream, silence }, Writer { sink, silence })
}

impl Reader {
    /// The next message, or why it is none of ours. Any sign of life gives the client more time.
    pub(super) async fn next(&mut self) -> Result<Result<StreamRequest, ApiError>, Gone> {
        loop {
            let message = timeout(self.silence, self.stream.next())
                .await
                .map_err(|_| Gone)?;
            return match message {
                Some(Ok(Message::Text(text))) => Ok(read(&text)),
                Some(Ok(Message::Binary(_))) => Ok(Err(ApiError::invalid("messages are texts, in JSON"))),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Gone),
            };
        }
    }

    /// Waits for the client's end of the close.
    pub(super) async fn drain(mut self) {
        let deadline = Instant::now() + CLOSING;
        while let Ok(Some(Ok(_))) = tokio::time::timeout_at(deadline, self.stream.next()).await {}
    }
}

fn read(text: &str) -> Result<StreamRequest, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::invalid(format!("the message: {error}")))
}

impl Writer {
    /// Sends one message; the client takes it before the next is made.
    pub(super) async fn send(&mut self, message: &StreamMessage) -> Result<(), Gone> {
        let text = serde_json::to_string(message).map_err(|_| Gone)?;
        self.put(Message::Text(text.into())).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), Gone> {
        self.put(Message::Ping(bytes::Bytes::new())).await
    }

    /// Closes the socket, with the reason why if something failed.
    pub(super) async fn close(mut self, error: Option<&ApiError>) -> Result<(), Gone> {
        let code = match error {
            None => close_code::NORMAL,
            Some(error) if error.code.status().is_client_error() => close_code::POLICY,
            Some(_) => close_code::ERROR,
        };
        let reason = error.map_or("", |error| error.message.as_str());
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        self.put(Message::Close(Some(frame))).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(self.silence, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}
