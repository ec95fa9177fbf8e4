//! Asking this machine's resolver.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use hickory_proto::op::Message;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::answer::belongs;
use crate::question::Question;

/// How long each try may take. A guest's own resolver gives up after five seconds.
const TRIES: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(2500)];

/// Bytes of the longest datagram.
const DATAGRAM: usize = 65_535;

/// Why nobody answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("the resolver {resolver} cannot be asked: {source}")]
    Io {
        resolver: SocketAddrV4,
        source: io::Error,
    },
    #[error("the resolver {resolver} does not answer")]
    Silent { resolver: SocketAddrV4 },
    #[error("the resolver {resolver} answers what was not asked")]
    Stray { resolver: SocketAddrV4 },
    #[error("the question cannot be written: {0}")]
    Unwritable(#[from] hickory_proto::ProtoError),
}

/// Asks `resolver`: by datagram, twice, and by a connection if the answer does not fit into one.
pub(crate) async fn ask(resolver: SocketAddrV4, question: &Question) -> Result<Message, Unanswered> {
    let failed = |source| Unanswered::Io { resolver, source };
    for patience in TRIES {
        // Another port and id each time: both have to be guessed by who forges an answer.
        let id = random_id().map_err(failed)?;
        let asked = question.ask(id).to_vec()?;
        let Ok(answer) = timeout(patience, by_datagram(resolver, question, id, &asked)).await else {
            continue;
        };
        let answer = answer.map_err(failed)?;
        if !answer.metadata.truncation {
            return Ok(answer);
        }
        let whole = timeout(patience, by_connection(resolver, &asked)).await;
        let whole = whole
            .map_err(|_| Unanswered::Silent { resolver })?
            .map_err(failed)?;
        return match Message::from_vec(&whole) {
            Ok(answer) if belongs(&answer, question, id) => Ok(answer),
            _ => Err(Unanswered::Stray { resolver }),
        };
    }
    Err(Unanswered::Silent { resolver })
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom(&mut id, GetRandomFlags::empty())?;
    Ok(u16::from_ne_bytes(id))
}

async fn by_datagram(
    resolver: SocketAddrV4,
    question: &Question,
    id: u16,
    asked: &[u8],
) -> io::Result<Message> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(resolver).await?;
    socket.send(asked).await?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // What is not the answer was sent by somebody else, or late.
        match Message::from_vec(&buffer[..length]) {
            Ok(answer) if belongs(&answer, question, id) => return Ok(answer),
            _ => {}
        }
    }
}

async fn by_connection(resolver: SocketAddrV4, asked: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write_message(&mut stream, asked).await?;
    read_message(&mut stream).await
}

/// Writes a message as it goes over a connection (RFC 1035, 4.2.2): its length, then itself.
pub(crate) async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

/// Reads the next message of a connection.
pub(crate) async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
