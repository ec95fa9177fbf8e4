//! The accept loop.

use super::{reply, route};
use crate::{machine::Fault, shell::Engine};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, body::Body, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use roost_engine::api::MAX_BODY_BYTES;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{net::UnixListener, sync::Mutex};

/// Pause after a failed accept; out of descriptors, say, an immediate retry would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves the API on `listener` until dropped. Requests are carried out one at a time, as Firecracker does.
pub async fn serve(listener: UnixListener, engine: Arc<Mutex<Engine>>) -> Infallible {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&engine), request));
            if let Err(error) = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
            {
                tracing::debug!(%error, "connection ended early");
            }
        });
    }
}

async fn answer(
    engine: Arc<Mutex<Engine>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(fault) => return Ok(reply::last_response(fault)),
    };
    let request = match route::parse(&parts.method, parts.uri.path(), &body) {
        Ok(request) => request,
        Err(fault) => return Ok(reply::response(Err(fault))),
    };
    // In a task of its own: a client that hangs up must not leave a step half done.
    let work = tokio::spawn(async move { engine.lock().await.handle(request).await });
    let outcome = work.await.unwrap_or_else(|error| {
        Err(Fault::Boot {
            reason: format!("roost-qemu panicked: {error}"),
        })
    });
    Ok(reply::response(outcome))
}

async fn read(body: Incoming) -> Result<Bytes, Fault> {
    let too_large = Fault::BodyTooLarge {
        limit: MAX_BODY_BYTES,
    };
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large);
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large),
        Err(error) => Err(Fault::BodyUnreadable {
            reason: error.to_string(),
        }),
    }
}
