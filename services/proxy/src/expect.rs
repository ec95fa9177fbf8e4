//! `Expect: 100-continue`: a body is not asked for before the server at the end of the way wants it.
//!
//! Our server answers a client's `Expect` when the body is first read. So it is not read before the next server has
//! said 100, or for [`PATIENCE`]: servers that know nothing of `Expect` just wait for the body.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::body::{Body, BoxError, boxed};

/// What clients themselves wait; curl for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Holds the body of `request` back until the server has said that it wants it.
pub(crate) fn hold_back(request: Request<Body>) -> Request<Body> {
    let (wanted, is_wanted) = oneshot::channel::<()>();
    let wanted = std::sync::Mutex::new(Some(wanted));
    let wait = async move {
        // Either way the body goes out: a server that is silent gets what its client has.
        let _ = tokio::time::timeout(PATIENCE, is_wanted).await;
    };
    let mut request = request.map(|body| {
        boxed(HeldBack {
            body,
            wait: Some(Box::pin(wait)),
        })
    });
    hyper::ext::on_informational(&mut request, move |response| {
        if response.status() == StatusCode::CONTINUE
            && let Some(wanted) = wanted.lock().ok().and_then(|mut wanted| wanted.take())
        {
            // Nobody waits any more if the patience has ended.
            let _ = wanted.send(());
        }
    });
    request
}

struct HeldBack {
    body: Body,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl HttpBody for HeldBack {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(wait) = &mut self.wait {
            std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
