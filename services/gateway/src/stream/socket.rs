//! The two halves of the socket, in our messages and within our patience.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout};

use crate::dto::stream::{StreamMessage, StreamRequest};
use crate::error::{ApiError, Code};

/// How long a client may take to answer our close. What it sends meanwhile is thrown away: a connection that is closed
/// over unread bytes is reset, and our last messages with it.
const CLOSING: Duration = Duration::from_secs(5);
/// Bytes of a close's reason; the frame has no room for more.
const MAX_REASON: usize = 120;

/// Bytes a client's message may have.
const MAX_MESSAGE: usize = 512 * 1024;
/// Bytes after which its connection is cut: what is no longer than that is refused in words.
pub(crate) const CUT_AT: usize = 2 * MAX_MESSAGE;

/// Why a stream ends early.
#[derive(Debug)]
pub(super) enum Cut {
    /// There is nobody to tell, or as good as that.
    Gone,
    /// This is told.
    Failed(ApiError),
}

impl From<ApiError> for Cut {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

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
    pub(super) async fn next(&mut self) -> Result<Result<StreamRequest, ApiError>, Cut> {
        loop {
            let message = timeout(self.silence, self.stream.next())
                .await
                .map_err(|_| Cut::Gone)?;
            return match message {
                Some(Ok(Message::Text(text))) => Ok(read(&text)),
                Some(Ok(Message::Binary(_))) => Ok(Err(ApiError::invalid("messages are texts, in JSON"))),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Err(error)) => Err(ApiError::invalid(format!("the socket broke: {error}")).into()),
                Some(Ok(Message::Close(_))) | None => Err(Cut::Gone),
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
    if text.len() > MAX_MESSAGE {
        let message = format!(
            "the message has {} bytes: send at most {MAX_MESSAGE} in one",
            text.len()
        );
        return Err(ApiError::new(Code::PayloadTooLarge, message));
    }
    serde_json::from_str(text).map_err(|error| ApiError::invalid(format!("the message: {error}")))
}

impl Writer {
    /// Sends one message; the client takes it before the next is made.
    pub(super) async fn send(&mut self, message: &StreamMessage) -> Result<(), Cut> {
        let text = serde_json::to_string(message).map_err(|_| Cut::Gone)?;
        self.put(Message::Text(text.into())).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), Cut> {
        self.put(Message::Ping(bytes::Bytes::new())).await
    }

    /// Closes the socket, with the reason why if something failed.
    pub(super) async fn close(mut self, error: Option<&ApiError>) -> Result<(), Cut> {
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

    async fn put(&mut self, message: Message) -> Result<(), Cut> {
        match timeout(self.silence, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Cut::Gone),
        }
    }
}
