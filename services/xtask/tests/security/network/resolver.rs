//! A resolver that says what a test tells it, in the place of this machine's own.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

#[derive(Default)]
struct Known {
    /// What each question for a name is answered, in turn.
    names: HashMap<String, Vec<Vec<Ipv4Addr>>>,
    heard: Vec<String>,
}

/// Serves until dropped. What it was not told of does not exist.
pub(super) struct Resolver {
    address: SocketAddr,
    known: Arc<Mutex<Known>>,
    _task: AbortOnDropHandle<()>,
}

impl Resolver {
    pub(super) async fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let known = Arc::<Mutex<Known>>::default();
        let answers = Arc::clone(&known);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let answer = answer(&buffer[..length], &mut lock(&answers));
                if let Some(answer) = answer {
                    // Whoever asked may be gone.
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        Ok(Self {
            address,
            known,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on questions for `name` are answered with these, in turn.
    pub(super) fn tell(&self, name: &str, answers: Vec<Vec<Ipv4Addr>>) {
        lock(&self.known).names.insert(name.to_owned(), answers);
    }

    /// All names that it was asked for.
    pub(super) fn heard(&self) -> Vec<String> {
        lock(&self.known).heard.clone()
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(question: &[u8], known: &mut Known) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    let query = asked.queries.first()?.clone();
    let name = query.name.to_lowercase().to_ascii();
    let name = name.trim_end_matches('.').to_owned();
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    match known.names.get_mut(&name).filter(|turns| !turns.is_empty()) {
        Some(turns) if query.query_type == RecordType::A => {
            let record =
                |address: &Ipv4Addr| Record::from_rdata(query.name.clone(), 0, RData::A(A(*address)));
            answer.add_answers(turns[0].iter().map(record));
            turns.rotate_left(1);
        }
        Some(_) => {}
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    known.heard.push(name);
    answer.add_query(query);
    answer.to_vec().ok()
}
