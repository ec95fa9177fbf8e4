//! What is left of a request's body when it was answered before its end.
//!
//! ```text
//!   request ─▶ lend ─▶ who answers ─▶ response ─▶ settle ─┬─ body at its end, or still in use ─▶ nothing
//!                        drops the body: it comes back ───┤─ its rest is short ────────────────▶ thrown away
//!                                                         └─ long, or slow ────────────────────▶ `Connection: close`
//! ```
//!
//! A server that meets such a rest closes the connection, without a word if the answer's head is out already. A client
//! that puts the connection back into its pool then finds its next request cut off, and one that still writes is reset
//! before it has read the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::body::{Body, BoxError, boxed};

/// Bytes that are thrown away at most.
const REST: usize = 16 << 20;
/// How long the whole rest may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How long one piece of it may take. A client that sends nothing waits for the answer.
const PIECE: Duration = Duration::from_millis(500);

/// The way on which a body comes back that was dropped before its end.
#[derive(Debug)]
pub struct Unread {
    /// Closed without a body: there is no rest.
    back: oneshot::Receiver<Body>,
    /// To read the body would be to ask for it.
    expects: bool,
    closes: bool,
}

/// Has the body of `request` come back if it is dropped before its end.
pub fn lend<B>(request: Request<B>) -> (Request<Body>, Unread)
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (home, back) = oneshot::channel();
    let unread = Unread {
        back,
        expects: request.headers().contains_key(EXPECT),
        closes: request.version() < Version::HTTP_2,
    };
    let lent = request.map(|body| {
        boxed(Lent {
            body: boxed(body),
            home: Some(home),
        })
    });
    (lent, unread)
}

impl Unread {
    /// Leaves the connection fit for its next request, or tells the client in `response` that there is none. A body that
    /// is still in use is waited for, at most as long as `patience`.
    pub async fn settle<R>(mut self, response: &mut Response<R>, patience: Duration) {
        let rest = if patience.is_zero() {
            self.back.try_recv().ok()
        } else {
            timeout(patience, &mut self.back).await.ok().and_then(Result::ok)
        };
        let Some(rest) = rest else { return };
        if (self.expects || !discard(rest).await) && self.closes {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Whether the body has come to its end.
async fn discard(mut body: Body) -> bool {
    let mut left = REST;
    let all = async {
        loop {
            match timeout(PIECE, body.frame()).await {
                Ok(None) => return true,
                Ok(Some(Ok(frame))) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(rest) => left = rest,
                    None => return false,
                },
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
    };
    timeout(WITHIN, all).await.unwrap_or(false)
}

/// A body that knows its way home.
struct Lent {
    body: Body,
    /// None once the body has come to its end, or broke.
    home: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(polled, Some(Ok(_))) {
            self.home = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = self.home.take()
            && !self.body.is_end_stream()
        {
            let body = std::mem::replace(&mut self.body, crate::body::empty());
            // Nobody settles a request whose answer was given up.
            let _ = home.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Full, StreamBody};
    use tokio::sync::mpsc;

    use super::*;

    /// A body whose pieces come when the sender says so.
    fn piecemeal() -> (mpsc::UnboundedSender<Bytes>, Request<Body>) {
        let (send, mut pieces) = mpsc::unbounded_channel();
        let stream = futures_of(move |context| pieces.poll_recv(context));
        (send, Request::new(boxed(StreamBody::new(stream))))
    }

    fn futures_of(
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Send + 'static,
    ) -> impl futures::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static {
        futures::stream::poll_fn(move |context| {
            poll(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
        })
    }

    async fn settled(unread: Unread, patience: Duration) -> bool {
        let mut response = Response::new(());
        unread.settle(&mut response, patience).await;
        response
            .headers()
            .get(CONNECTION)
            .is_some_and(|value| value == "close")
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_comes_soon_is_thrown_away() {
        let (send, request) = piecemeal();
        let (lent, unread) = lend(request);
        drop(lent);
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            send.send(Bytes::from_static(b"late")).unwrap();
        });
        assert!(!settled(unread, Duration::ZERO).await);
        late.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_does_not_come_ends_the_connection() {
        let (send, request) = piecemeal();
        let (lent, unread) = lend(request);
        send.send(Bytes::from_static(b"some")).unwrap();
        drop(lent);
        assert!(settled(unread, Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_is_too_long_ends_the_connection() {
        let (send, request) = piecemeal();
        let (lent, unread) = lend(request);
        for _ in 0..=REST >> 20 {
            send.send(Bytes::from(vec![0; 1 << 20])).unwrap();
        }
        drop((lent, send));
        assert!(settled(unread, Duration::ZERO).await);
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_asked_is_not() {
        let mut request = Request::new(Full::from("not asked for"));
        let wait = HeaderValue::from_static("100-continue");
        request.headers_mut().insert(EXPECT, wait);
        let (lent, unread) = lend(request);
        drop(lent);
        assert!(settled(unread, Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_or_in_use_is_left_alone() {
        let (lent, unread) = lend(Request::new(Full::from("read")));
        lent.into_body().collect().await.unwrap();
        assert!(!settled(unread, Duration::ZERO).await);
        let (_send, request) = piecemeal();
        let (lent, unread) = lend(request);
        assert!(!settled(unread, Duration::from_secs(1)).await);
        drop(lent);
    }
}
