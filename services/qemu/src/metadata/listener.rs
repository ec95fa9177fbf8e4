//! The accept loop, which gives an untrusted guest a bounded number of short connections.

use super::{Metadata, answer, tokens::Tokens};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::SocketAddrV4,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::AbortHandle,
};

/// Connections at a time, as many as Firecracker serves; further ones wait.
const MAX_CONNECTIONS: usize = 30;

/// How long a connection may last. It carries one request, whose answer is at most 50 KiB away.
const CONNECTION: Duration = Duration::from_secs(5);

/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 8192;

/// Pause after a failed accept; out of descriptors, say, an immediate retry would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A service in place. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddrV4,
    task: AbortHandle,
}

impl Listener {
    /// Answers at `address` with what `current` holds.
    pub(super) async fn open(
        address: SocketAddrV4,
        current: watch::Receiver<Metadata>,
        tokens: Arc<Tokens>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let task = tokio::spawn(accept(listener, current, tokens)).abort_handle();
        Ok(Self { address, task })
    }

    /// Where it answers.
    pub(super) fn address(&self) -> SocketAddrV4 {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    current: watch::Receiver<Metadata>,
    tokens: Arc<Tokens>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places)
            .acquire_owned()
            .await
            .expect("it is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a request for metadata");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (current, tokens) = (current.clone(), Arc::clone(&tokens));
        tokio::spawn(async move {
            if tokio::time::timeout(CONNECTION, serve(stream, current, tokens))
                .await
                .is_err()
            {
                tracing::debug!("a request for metadata took too long");
            }
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, current: watch::Receiver<Metadata>, tokens: Arc<Tokens>) {
    let service = service_fn(move |request| {
        let answer = answer::answer(&request, &current.borrow(), &tokens, Instant::now());
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a request for metadata broke off");
    }
}
