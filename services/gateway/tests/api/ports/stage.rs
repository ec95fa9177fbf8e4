//! A gateway that listens, its host's edge, and a guest of plain sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use roost_edge::Edge;
use roost_gateway::{Limits, Ports, front, serve};
use roost_runtime::port::Edge as _;
use roost_schemas::{Generation, Owner, SandboxId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::host::{Host, open_edge};
use crate::world::{LONG, World, limits, memory, tokens};

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) edge: Edge,
    pub(crate) guest: IpAddr,
    /// A sandbox that runs.
    pub(crate) id: String,
    /// Where the gateway listens.
    pub(crate) address: SocketAddr,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(json!({"template": "base"})).await
    }

    /// With a sandbox made by this request.
    pub(crate) async fn with(create: Value) -> Self {
        Self::within(limits(), create).await
    }

    /// The same of a gateway with these bounds.
    pub(crate) async fn within(limits: Limits, create: Value) -> Self {
        let ports = memory().await;
        let host = Host::start(&ports).await;
        let edge = Edge::listen((Ipv4Addr::LOCALHOST, 0).into(), &tokens())
            .await
            .unwrap();
        open_edge(&ports, &edge.url()).await;
        let world = World::over(ports, limits, Some(host));
        let answer = world.create(&create).send().await;
        let id = answer.ok(201)["id"].as_str().unwrap().to_owned();
        let guest = guest();
        edge.open(&owner(&id), guest);
        let address = listening(&world).await;
        Self {
            world,
            edge,
            guest,
            id,
            address,
        }
    }

    /// The name of a port.
    pub(crate) fn name(&self, port: u16) -> String {
        format!("{port}-{}.sandboxes.test", self.id)
    }

    /// The whole answer to a GET of `path` at that host, with more headers.
    pub(crate) async fn get(&self, host: &str, path: &str, headers: &str) -> String {
        get(self.address, host, path, headers).await
    }

    /// A server in the guest that answers with the head it was sent.
    pub(crate) async fn mirror(&self) -> u16 {
        listen((self.guest, 0).into(), mirror).await
    }
}

/// A gateway's address.
pub(crate) async fn listening(world: &World) -> SocketAddr {
    listening_with(world, limits()).await
}

/// The same of one with other bounds on connections.
pub(crate) async fn listening_with(world: &World, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let front = front(world.gateway.clone(), world.app.clone());
    tokio::spawn(serve(listener, front, std::future::pending(), limits));
    address
}

/// Another gateway's view of the same log, by a projection of its own.
pub(crate) fn beside(ports: &Ports, fleet: roost_runtime::fleet::FleetHandle) -> World {
    let ports = Ports {
        fleet,
        ..ports.clone()
    };
    World::over(ports, limits(), None)
}

pub(crate) fn owner(id: &str) -> Owner {
    Owner {
        sandbox: SandboxId::new(id).unwrap(),
        generation: Generation(1),
    }
}

/// An address of this process: tests run at the same time, on the same loopback.
fn guest() -> IpAddr {
    let own = std::process::id() & 0x003f_ffff;
    IpAddr::V4(Ipv4Addr::from_bits(0x7f80_0000 | own))
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

pub(crate) async fn mirror(mut stream: TcpStream) {
    let head = head(&mut stream).await;
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

pub(crate) async fn get(address: SocketAddr, host: &str, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    rest(&mut send(address, &request).await).await
}

/// Connects and sends.
pub(crate) async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What comes until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too; what came before it counts.
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "no end after {:?}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to the end of a head.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The JSON of an answer with this status.
#[track_caller]
pub(crate) fn refused(answer: &str, status: u16) -> Value {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("content-type: application/json"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
