//! An edge, guests without machines, and a gateway that writes what it likes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use roost_edge::Edge;
use roost_runtime::port::Edge as _;
use roost_schemas::token::TokenKey;
use roost_schemas::{Generation, Owner, SandboxId, envd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn tokens() -> TokenKey {
    "5a".repeat(32).parse().unwrap()
}

pub(crate) fn owner(generation: u64) -> Owner {
    Owner {
        sandbox: SandboxId::new("sbx").unwrap(),
        generation: Generation(generation),
    }
}

/// An edge with the sandbox `sbx` open at an address where nothing else of this machine listens.
pub(crate) struct World {
    pub(crate) edge: Edge,
    pub(crate) guest: IpAddr,
}

impl World {
    pub(crate) async fn new() -> Self {
        let edge = Edge::listen((Ipv4Addr::LOCALHOST, 0).into(), &tokens())
            .await
            .unwrap();
        let guest = address();
        edge.open(&owner(1), guest);
        Self { edge, guest }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.edge.url().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sends a request to `port` of the sandbox; `rest` is what follows the headers of the gateway.
    pub(crate) async fn send(&self, line: &str, port: u16, rest: &str) -> TcpStream {
        let token = tokens().edge();
        let headers =
            format!("Host: a\r\nroost-sandbox: sbx\r\nroost-port: {port}\r\nroost-edge-token: {token}");
        self.raw(&format!("{line} HTTP/1.1\r\n{headers}\r\n{rest}")).await
    }

    pub(crate) async fn raw(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The whole answer to a GET.
    pub(crate) async fn get(&self, path: &str, port: u16) -> String {
        let mut stream = self
            .send(&format!("GET {path}"), port, "Connection: close\r\n\r\n")
            .await;
        rest(&mut stream).await
    }
}

/// An address of its own for each test: each runs in a process of its own, on the same loopback.
fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let own = (std::process::id() << 2) | u32::from(NEXT.fetch_add(1, Ordering::SeqCst) % 4);
    IpAddr::V4(Ipv4Addr::from_bits(0x7f40_0000 | (own & 0x003f_ffff)))
}

/// Listens in the guest; every connection is handed to `serve`.
pub(crate) async fn listen<F>(at: SocketAddr, serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(at).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// Answers every request with its own head, on one connection.
pub(crate) async fn mirror(mut stream: TcpStream) {
    loop {
        let head = head(&mut stream).await;
        if head.is_empty() {
            return;
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// An agent that lets `port` of this machine's loopback be reached, and answers whatever else with `status`.
pub(crate) async fn agent(guest: IpAddr, port: u16, status: &'static str) {
    let seen = Arc::new(tokens().access(&owner(1).sandbox));
    listen((guest, envd::PORT).into(), move |mut stream| {
        let token = Arc::clone(&seen);
        async move {
            let head = head(&mut stream).await;
            if !head.starts_with(&format!("CONNECT 127.0.0.1:{port} ")) {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                return stream.write_all(answer.as_bytes()).await.unwrap();
            }
            assert!(head.contains(&format!("x-access-token: {token}\r\n")), "{head}");
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    })
    .await;
}

/// What comes until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too; what came before it counts.
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "no end after {:?}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to the end of a head; nothing if the connection ended before one.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(bytes).unwrap()
}
