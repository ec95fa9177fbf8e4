//! A slot's port 53, over UDP and TCP.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpListener as StdListener, UdpSocket as StdSocket};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::forwarder::Forwarder;
use crate::gate::Gate;
use crate::upstream::{read_message, write_message};

/// Questions of one guest under way at once, by datagram; more wait in the socket.
const QUESTIONS: usize = 32;

/// Connections of one guest at once; more wait in the listener.
const CONNECTIONS: usize = 8;

/// How long a connection may be silent, and how long it may last.
const SILENCE: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_mins(1);

/// Bytes of a datagram that is a question. Longer ones are cut off, and then are none.
const QUESTION: usize = 4096;

/// How long to wait after a failure of a socket.
const PAUSE: Duration = Duration::from_millis(100);

/// The two sockets of a slot, bound in its network namespace and not yet part of any runtime.
#[derive(Debug)]
pub struct Sockets {
    datagrams: StdSocket,
    connections: StdListener,
}

impl Sockets {
    /// Binds both in the calling thread's network namespace.
    pub fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let datagrams = StdSocket::bind(address)?;
        let connections = StdListener::bind(address)?;
        datagrams.set_nonblocking(true)?;
        connections.set_nonblocking(true)?;
        Ok(Self {
            datagrams,
            connections,
        })
    }
}

/// Serves a slot's guest until dropped. Fails only if the sockets cannot be polled.
pub async fn serve(sockets: Sockets, forwarder: Forwarder, gate: &dyn Gate) -> io::Result<()> {
    let datagrams = UdpSocket::from_std(sockets.datagrams)?;
    let connections = TcpListener::from_std(sockets.connections)?;
    tokio::join!(
        by_datagram(&datagrams, &forwarder, gate),
        by_connection(&connections, &forwarder, gate)
    );
    Ok(())
}

async fn by_datagram(socket: &UdpSocket, forwarder: &Forwarder, gate: &dyn Gate) {
    let mut buffer = vec![0; QUESTION];
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer), if under_way.len() < QUESTIONS => match received {
                Ok((length, guest)) => {
                    let asked = buffer[..length].to_vec();
                    under_way.push(answer_datagram(socket, forwarder, gate, asked, guest));
                }
                Err(error) => pause(&error).await,
            },
            Some(()) = under_way.next() => {}
        }
    }
}

async fn answer_datagram(
    socket: &UdpSocket,
    forwarder: &Forwarder,
    gate: &dyn Gate,
    asked: Vec<u8>,
    guest: SocketAddr,
) {
    let reply = forwarder.answer(&asked, gate).await;
    if let Some(bytes) = reply.and_then(|reply| reply.datagram()) {
        // A guest that is gone, or whose link is full, asks again.
        let _ = socket.send_to(&bytes, guest).await;
    }
}

async fn by_connection(listener: &TcpListener, forwarder: &Forwarder, gate: &dyn Gate) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if under_way.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => under_way.push(timeout(LIFE, converse(stream, forwarder, gate))),
                Err(error) => pause(&error).await,
            },
            Some(_) = under_way.next() => {}
        }
    }
}

/// Answers a connection's questions in turn, until the guest ends it, is silent, or sends what is no question.
async fn converse(mut stream: TcpStream, forwarder: &Forwarder, gate: &dyn Gate) {
    while let Ok(Ok(asked)) = timeout(SILENCE, read_message(&mut stream)).await {
        let reply = forwarder.answer(&asked, gate).await;
        let Some(bytes) = reply.and_then(|reply| reply.stream()) else {
            return;
        };
        match timeout(SILENCE, write_message(&mut stream, &bytes)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a guest's port for names fails");
    tokio::time::sleep(PAUSE).await;
}
