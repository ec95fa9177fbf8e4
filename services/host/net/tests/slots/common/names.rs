//! A resolver that knows what a test tells it, and questions as a guest's programs ask them.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use roost_net::guest;

use super::{PATIENCE, Place};

type Zone = HashMap<String, (u32, Vec<Ipv4Addr>)>;

/// A resolver's thread, stopped when dropped. What it was not told of does not exist.
pub struct Resolver {
    zone: Arc<Mutex<Zone>>,
    heard: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Serves UDP on `address` in `place`.
    pub fn start_in(place: &Place, address: &str) -> Self {
        let address = address.to_owned();
        place.run(move || Self::start(&address))
    }

    /// The same in the calling thread's namespace.
    pub fn start(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect(address);
        let moment = Duration::from_millis(10);
        socket.set_read_timeout(Some(moment)).expect("a socket");
        let (zone, heard, stop) = (
            Arc::<Mutex<Zone>>::default(),
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (known, record, stopped) = (Arc::clone(&zone), Arc::clone(&heard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut question = [0; 4096];
                if let Ok((length, peer)) = socket.recv_from(&mut question) {
                    let answer = answer(&question[..length], &known, &record);
                    socket.send_to(&answer, peer).expect("the network is up");
                }
            }
        });
        Self {
            zone,
            heard,
            stop,
            thread: Some(thread),
        }
    }

    /// From now on `name` has these addresses, for `ttl` seconds.
    pub fn tell(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address"));
        let entry = (ttl, addresses.collect());
        self.zone.lock().expect("no panic").insert(name.to_owned(), entry);
    }

    /// All names that it was asked for.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(question: &[u8], zone: &Mutex<Zone>, heard: &Mutex<Vec<String>>) -> Vec<u8> {
    let asked = Message::from_vec(question).expect("a question");
    let query = asked.queries[0].clone();
    let name = query.name.to_ascii();
    let name = name.trim_end_matches('.').to_owned();
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    match zone.lock().expect("no panic").get(&name) {
        Some((ttl, addresses)) => {
            let record =
                |address: &Ipv4Addr| Record::from_rdata(query.name.clone(), *ttl, RData::A(A(*address)));
            answer.add_answers(addresses.iter().map(record));
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.add_query(query);
    heard.lock().expect("no panic").push(name);
    answer.to_vec().expect("an answer")
}

/// What a guest is told when it asks for the addresses of `name`, from the calling thread's namespace.
pub fn resolve(name: &str) -> io::Result<Result<Vec<Ipv4Addr>, ResponseCode>> {
    resolve_within(name, PATIENCE)
}

/// The same, for one who waits no longer than `patience`.
pub fn resolve_within(name: &str, patience: Duration) -> io::Result<Result<Vec<Ipv4Addr>, ResponseCode>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(gateway())?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(&question(name))?;
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer)?;
    Ok(told(&answer[..length]))
}

/// The same over TCP.
pub fn resolve_tcp(name: &str) -> io::Result<Result<Vec<Ipv4Addr>, ResponseCode>> {
    let mut stream = TcpStream::connect_timeout(&gateway(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let question = question(name);
    let length = u16::try_from(question.len()).expect("short").to_be_bytes();
    stream.write_all(&[&length, &question[..]].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    Ok(told(&answer))
}

fn gateway() -> SocketAddr {
    (guest::GATEWAY, guest::DNS_PORT).into()
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(
        Name::from_ascii(name).expect("a name"),
        RecordType::A,
    ));
    message.to_vec().expect("a question")
}

fn told(answer: &[u8]) -> Result<Vec<Ipv4Addr>, ResponseCode> {
    let answer = Message::from_vec(answer).expect("an answer");
    if answer.metadata.response_code != ResponseCode::NoError {
        return Err(answer.metadata.response_code);
    }
    let address = |record: &Record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    };
    Ok(answer.answers.iter().filter_map(address).collect())
}
