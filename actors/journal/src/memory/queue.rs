//! [`Queue`] in process.
//!
//! ```text
//!   publish ─► waiting ─ delivered ─► leased ─ done ─► gone
//!                 ▲                     │
//!                 └─ lease over, later ─┘
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::Timestamp;
use roost_schemas::command::MAX_BODY;
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Options, Recent, locked};
use crate::dedupe;
use crate::port::{Deliveries, Delivery, MAX_WAITING, Message, Queue, QueueError, Settle, max_taken};

/// The command queue in process; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    next: u64,
    routes: HashMap<Route, BTreeMap<u64, Entry>>,
    recent: Recent<String, ()>,
    inboxes: HashMap<String, mpsc::UnboundedSender<Reply>>,
}

#[derive(Debug)]
struct Entry {
    subject: CommandSubject,
    queued_at: Timestamp,
    message: Message,
    /// When it may be delivered next; absent: at once.
    ready: Option<Instant>,
    leased: bool,
}

impl Shared {
    /// Changes an entry, if it is still there, and wakes the takers.
    fn change(&self, route: &Route, number: u64, change: impl FnOnce(&mut Entry)) {
        let mut state = locked(&self.state);
        if let Some(entry) = state
            .routes
            .get_mut(route)
            .and_then(|entries| entries.get_mut(&number))
        {
            change(entry);
        }
        self.changes.send_replace(());
    }
}

impl MemoryQueue {
    pub(super) fn new(options: &Options) -> Self {
        let state = State {
            next: 0,
            routes: HashMap::new(),
            recent: Recent::new(options.duplicate_window),
            inboxes: HashMap::new(),
        };
        let (changes, _) = watch::channel(());
        Self(Arc::new(Shared {
            options: options.clone(),
            state: Mutex::new(state),
            changes,
        }))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn publish(&self, subject: &CommandSubject, message: &Message) -> Result<(), QueueError> {
        if message.body.len() > MAX_BODY {
            let detail = format!(
                "its body has {} bytes, at most {MAX_BODY} are allowed",
                message.body.len()
            );
            return Err(QueueError::Refused {
                command_id: message.command_id.clone(),
                detail,
            });
        }
        let key = dedupe::key(subject, message);
        let mut state = locked(&self.0.state);
        if state.recent.get(&key).is_some() {
            return Ok(());
        }
        let waiting = state.routes.get(&subject.route).map_or(0, |entries| {
            let of_subject = entries.values().filter(|entry| entry.subject == *subject);
            of_subject.count()
        });
        if waiting >= MAX_WAITING {
            return Err(QueueError::Full {
                detail: format!("{MAX_WAITING} commands wait on {subject}"),
            });
        }
        state.recent.insert(key, ());
        state.next += 1;
        let number = state.next;
        let queued_at = (self.0.options.clock)();
        let entry = Entry {
            subject: subject.clone(),
            queued_at,
            message: message.clone(),
            ready: None,
            leased: false,
        };
        state
            .routes
            .entry(subject.route.clone())
            .or_default()
            .insert(number, entry);
        self.0.changes.send_replace(());
        Ok(())
    }

    async fn request(
        &self,
        subject: &CommandSubject,
        mut message: Message,
        patience: Duration,
    ) -> Result<Reply, QueueError> {
        let mut inbox = Inbox::open(&self.0);
        message.reply = Some(inbox.name.clone());
        self.publish(subject, &message).await?;
        let answer = tokio::time::timeout(patience, inbox.answers.recv())
            .await
            .ok()
            .flatten();
        answer.ok_or(QueueError::NoAnswer {
            command_id: message.command_id,
            waited: patience,
        })
    }

    async fn consume(&self, route: &Route) -> Result<Deliveries, QueueError> {
        if let Route::Host(_) = route {
            let mut state = locked(&self.0.state);
            let entries = state.routes.entry(route.clone()).or_default();
            let now = Instant::now();
            for entry in entries.values_mut() {
                (entry.ready, entry.leased) = (entry.ready.map(|_| now), false);
            }
        }
        let taker = Taker {
            shared: self.0.clone(),
            changes: self.0.changes.subscribe(),
            route: route.clone(),
        };
        let items = futures::stream::unfold(taker, |mut taker| async {
            let delivery = taker.next().await;
            Some((Ok(delivery), taker))
        });
        Ok(items.boxed())
    }

    async fn answer(&self, message: &Message, reply: &Reply) -> Result<(), QueueError> {
        let state = locked(&self.0.state);
        if let Some(inbox) = message.reply.as_ref().and_then(|inbox| state.inboxes.get(inbox)) {
            // Who asked may have gone; then nobody hears the answer, as with NATS.
            let _ = inbox.send(reply.clone());
        }
        Ok(())
    }
}

/// Where one request's answers arrive, for as long as it waits.
struct Inbox {
    shared: Arc<Shared>,
    name: String,
    answers: mpsc::UnboundedReceiver<Reply>,
}

impl Inbox {
    fn open(shared: &Arc<Shared>) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let mut state = locked(&shared.state);
        state.next += 1;
        let name = format!("memory.{}", state.next);
        state.inboxes.insert(name.clone(), sender);
        Self {
            shared: shared.clone(),
            name,
            answers,
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        locked(&self.shared.state).inboxes.remove(&self.name);
    }
}

struct Taker {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    route: Route,
}

/// What a taker finds.
enum Find {
    Command(Box<Delivery>),
    /// Nothing yet; the first lease or delay ends then.
    Nothing(Option<Instant>),
}

impl Taker {
    async fn next(&mut self) -> Delivery {
        loop {
            self.changes.mark_unchanged();
            let until = match self.find() {
                Find::Command(delivery) => return *delivery,
                Find::Nothing(until) => until,
            };
            let timer = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = timer => {}
                _ = self.changes.changed() => {}
            }
        }
    }

    fn find(&self) -> Find {
        let mut state = locked(&self.shared.state);
        let Some(entries) = state.routes.get_mut(&self.route) else {
            return Find::Nothing(None);
        };
        let now = Instant::now();
        let due = |entry: &Entry| entry.ready.is_none_or(|ready| ready <= now);
        let in_flight = entries
            .values()
            .filter(|entry| entry.leased && !due(entry))
            .count();
        let found = entries
            .iter_mut()
            .find(|(_, entry)| due(entry))
            .filter(|_| in_flight < max_taken(&self.route));
        if let Some((number, entry)) = found {
            let again = entry.ready.is_some();
            entry.ready = Some(now + self.shared.options.lease);
            entry.leased = true;
            let settle = Ticket {
                shared: self.shared.clone(),
                route: self.route.clone(),
                number: *number,
            };
            return Find::Command(Box::new(Delivery {
                subject: entry.subject.clone(),
                queued_at: entry.queued_at,
                again,
                message: entry.message.clone(),
                settle: Box::new(settle),
            }));
        }
        Find::Nothing(
            entries
                .values()
                .filter_map(|entry| entry.ready)
                .filter(|ready| *ready > now)
                .min(),
        )
    }
}

/// The settlement of one delivery.
struct Ticket {
    shared: Arc<Shared>,
    route: Route,
    number: u64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Settle for Ticket {
    async fn done(self: Box<Self>) -> Result<(), QueueError> {
        if let Some(entries) = locked(&self.shared.state).routes.get_mut(&self.route) {
            entries.remove(&self.number);
        }
        self.shared.changes.send_replace(());
        Ok(())
    }

    async fn progress(&self) -> Result<(), QueueError> {
        let until = Instant::now() + self.shared.options.lease;
        self.shared
            .change(&self.route, self.number, |entry| entry.ready = Some(until));
        Ok(())
    }

    async fn later(self: Box<Self>, after: Duration) -> Result<(), QueueError> {
        let until = Instant::now() + after;
        self.shared.change(&self.route, self.number, |entry| {
            entry.ready = Some(until);
            entry.leased = false;
        });
        Ok(())
    }
}
