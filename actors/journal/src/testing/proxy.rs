//! A wire between a client and a server that can lose what it carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// Forwards connections to a server on this machine until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    server: Arc<AtomicU16>,
    faults: Faults,
    accept: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Faults {
    mute: Arc<AtomicBool>,
    /// Connections that there were.
    accepted: Arc<AtomicU64>,
    /// So many of them carry nothing.
    stranded: Arc<AtomicU64>,
    cut: broadcast::Sender<()>,
}

impl Proxy {
    /// Listens on a free port for the server at `port`.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let own = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let faults = Faults {
            mute: Arc::default(),
            accepted: Arc::default(),
            stranded: Arc::default(),
            cut: broadcast::channel(1).0,
        };
        let server = Arc::new(AtomicU16::new(port));
        let accept = tokio::spawn(serve(listener, server.clone(), faults.clone()));
        Self {
            port: own,
            server,
            faults,
            accept,
        }
    }

    /// The address that clients use.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// From now on, what the server says is lost; what clients say still arrives.
    pub fn mute(&self) {
        self.faults.mute.store(true, Ordering::SeqCst);
    }

    /// From now on the connections that there are carry nothing, and nobody is told; new ones are sound.
    pub fn strand(&self) {
        let until_now = self.faults.accepted.load(Ordering::SeqCst);
        self.faults.stranded.store(until_now, Ordering::SeqCst);
    }

    /// Breaks every connection; new ones reach the server at `port` instead.
    pub fn divert(&self, port: u16) {
        self.server.store(port, Ordering::SeqCst);
        self.cut();
    }

    /// Breaks every connection; new ones carry everything again.
    pub fn cut(&self) {
        self.faults.mute.store(false, Ordering::SeqCst);
        // Nobody may be connected just now.
        let _ = self.faults.cut.send(());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.accept.abort();
    }
}

async fn serve(listener: TcpListener, server: Arc<AtomicU16>, faults: Faults) {
    while let Ok((client, _)) = listener.accept().await {
        // A server that is down refuses, and the client sees its connection closed at once.
        let Ok(server) = TcpStream::connect(("127.0.0.1", server.load(Ordering::SeqCst))).await else {
            continue;
        };
        let mut cut = faults.cut.subscribe();
        let number = faults.accepted.fetch_add(1, Ordering::SeqCst);
        let faults = faults.clone();
        tokio::spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let stranded = || number < faults.stranded.load(Ordering::SeqCst);
            let mute = || stranded() || faults.mute.load(Ordering::SeqCst);
            tokio::select! {
                () = pump(from_client, to_server, stranded) => {}
                () = pump(from_server, to_client, mute) => {}
                _ = cut.recv() => {}
            }
        });
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, lost: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !lost() && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
