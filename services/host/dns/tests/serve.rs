//! A forwarder on real sockets, between a guest that asks what it likes and a resolver that plays what a test tells it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use roost_dns::{Closed, Forwarder, Gate, Sockets, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// Notes what it lets through; never opens for `closed.com`.
#[derive(Default)]
struct Notes(Mutex<Vec<(String, usize, Duration)>>);

#[async_trait]
impl Gate for Notes {
    fn may_ask(&self, _: &str) -> bool {
        true
    }

    async fn admit(&self, name: &str, addresses: &[Ipv4Addr], life: Duration) -> Result<(), Closed> {
        if name == "closed.com" {
            return Err(Closed {
                name: name.to_owned(),
                source: "no room".into(),
            });
        }
        let noted = (name.to_owned(), addresses.len(), life);
        self.0.lock().unwrap().push(noted);
        Ok(())
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("bound to an IPv4 address"),
    }
}

/// A forwarder that asks `resolver`; what it lets through, and where it is.
async fn forwarder(resolver: SocketAddrV4) -> (Arc<Notes>, SocketAddrV4) {
    // The two ports have to be the same: one that is free for both.
    let (sockets, address) = loop {
        let free = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = v4(free.local_addr().unwrap());
        drop(free);
        if let Ok(sockets) = Sockets::bind(address) {
            break (sockets, address);
        }
    };
    let notes = Arc::<Notes>::default();
    let gate = Arc::clone(&notes);
    tokio::spawn(async move { serve(sockets, Forwarder::new(resolver, []), &*gate).await });
    (notes, address)
}

/// A resolver that answers each datagram with what `play` makes of it.
async fn resolver(play: impl Fn(Message) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddrV4 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = v4(socket.local_addr().unwrap());
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            for answer in play(Message::from_vec(&buffer[..length]).unwrap()) {
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    });
    address
}

fn answer(asked: &Message, addresses: u8) -> Message {
    let mut message = Message::response(asked.metadata.id, OpCode::Query);
    let query = asked.queries[0].clone();
    for n in 0..addresses {
        let address = RData::A(A(Ipv4Addr::new(1, 2, 3, n)));
        message.add_answer(Record::from_rdata(query.name.clone(), 60, address));
    }
    message.add_query(query);
    message
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

async fn ask(forwarder: SocketAddrV4, name: &str) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(forwarder).await.unwrap();
    socket.send(&question(name)).await.unwrap();
    let mut buffer = [0; 4096];
    let received = timeout(PATIENCE, socket.recv(&mut buffer)).await;
    Message::from_vec(&buffer[..received.unwrap().unwrap()]).unwrap()
}

async fn exchange(stream: &mut TcpStream, asked: &[u8]) -> Message {
    stream
        .write_u16(u16::try_from(asked.len()).unwrap())
        .await
        .unwrap();
    stream.write_all(asked).await.unwrap();
    let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().unwrap();
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

#[tokio::test]
async fn what_is_told_was_let_through_before() {
    let resolver = resolver(|asked| vec![answer(&asked, 2).to_vec().unwrap()]).await;
    let (notes, address) = forwarder(resolver).await;
    let told = ask(address, "A.com.").await;
    assert_eq!(told.answers.len(), 2);
    let admitted = notes.0.lock().unwrap().clone();
    assert_eq!(admitted, [("a.com".to_owned(), 2, Duration::from_mins(1))]);
    let told = ask(address, "closed.com.").await;
    assert_eq!(told.metadata.response_code, ResponseCode::ServFail);
    assert!(told.answers.is_empty());
}

#[tokio::test]
async fn an_answer_that_belongs_to_no_question_is_passed_over() {
    let resolver = resolver(|asked| {
        let mut forged = answer(&asked, 1);
        forged.metadata.id = asked.metadata.id.wrapping_add(1);
        let mut other = answer(&asked, 1);
        other.queries[0].name = Name::from_ascii("other.com.").unwrap();
        let sent = [
            forged.to_vec(),
            other.to_vec(),
            Ok(b"no message".to_vec()),
            answer(&asked, 3).to_vec(),
        ];
        sent.into_iter().map(Result::unwrap).collect()
    })
    .await;
    let (_, address) = forwarder(resolver).await;
    assert_eq!(ask(address, "a.com.").await.answers.len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_got_and_given_by_a_connection() {
    let resolver = loop {
        let address = resolver(|asked| vec![answer(&asked, 0).truncate().to_vec().unwrap()]).await;
        if let Ok(listener) = TcpListener::bind(address).await {
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let length = stream.read_u16().await.unwrap();
                    let mut asked = vec![0; length.into()];
                    stream.read_exact(&mut asked).await.unwrap();
                    let answer = answer(&Message::from_vec(&asked).unwrap(), 60).to_vec().unwrap();
                    stream
                        .write_u16(u16::try_from(answer.len()).unwrap())
                        .await
                        .unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
            break address;
        }
    };
    let (_, address) = forwarder(resolver).await;
    let cut = ask(address, "a.com.").await;
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        let whole = exchange(&mut stream, &question("a.com.")).await;
        assert_eq!(whole.answers.len(), 60);
    }
}

#[tokio::test]
async fn a_resolver_that_is_silent_once_is_asked_again_and_one_that_stays_so_is_a_failure() {
    let asked = Mutex::new(0);
    let resolver = resolver(move |message| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked == 1 || message.queries[0].name.to_ascii() == "never.com." {
            return Vec::new();
        }
        vec![answer(&message, 1).to_vec().unwrap()]
    })
    .await;
    let (_, address) = forwarder(resolver).await;
    assert_eq!(ask(address, "a.com.").await.answers.len(), 1);
    let told = ask(address, "never.com.").await;
    assert_eq!(told.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn a_connection_that_is_silent_is_closed_and_holds_up_nobody() {
    let resolver = resolver(|asked| vec![answer(&asked, 1).to_vec().unwrap()]).await;
    let (_, address) = forwarder(resolver).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut ninth = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(address, "a.com.").await.answers.len(), 1, "datagrams go on");
    assert_eq!(exchange(&mut ninth, &question("a.com.")).await.answers.len(), 1);
    let read = timeout(PATIENCE, silent[0].read_u8()).await.unwrap();
    assert!(read.is_err(), "it was closed");
}
