//! How long an exchange may go on, and what is held until it is over.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::body::BoxError;
use crate::error::ForwardError;

/// An exchange's right to go on. Dropped when the answer's body, or the tunnel, has come to its end.
pub struct Lease {
    ended: CancellationToken,
    held: Box<dyn Send + Sync>,
}

impl Lease {
    /// Until `ended` is cancelled; `held` is dropped with the exchange.
    pub fn new(ended: CancellationToken, held: impl Send + Sync + 'static) -> Self {
        let held = Box::new(held);
        Self { ended, held }
    }

    /// Nobody ends it, nothing is held.
    pub fn free() -> Self {
        Self::new(CancellationToken::new(), ())
    }

    /// Done when somebody has ended it.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Lets `body` break off when the lease ends.
    pub(crate) fn bound<B>(&self, body: B) -> Bound<B> {
        Bound {
            body,
            ended: Box::pin(self.ended.clone().cancelled_owned()),
            _held: None,
        }
    }

    /// The same, and the body holds what the lease held.
    pub(crate) fn hold<B>(self, body: B) -> Bound<B> {
        Bound {
            body,
            ended: Box::pin(self.ended.cancelled_owned()),
            _held: Some(self.held),
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// A body that breaks off when its lease ends.
pub(crate) struct Bound<B> {
    body: B,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _held: Option<Box<dyn Send + Sync>>,
}

impl<B> HttpBody for Bound<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(ForwardError::Ended.into())));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
