//! The task behind one feed: from the consumer to the taker, and the settlements back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::client::Request;
use async_nats::jetstream::consumer::pull::MessagesError;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message as Received};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, future};
use roost_schemas::Sequence;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::link::Link;
use super::super::record::{Came, record, timestamp};
use super::super::streams::EVENTS;
use super::order::Order;
use crate::pause::Pause;
use crate::port::{Foreign, Handed, JournalError, Record, Ticket};

/// The server shows this often that a quiet feed is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the server is shown what is in hand: of three within [`super::ACK_WAIT`] two may be lost.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// How often a settlement is sent that nobody confirms. After that its commit may come again.
const SETTLE_TRIES: u32 = 5;

/// What a message holds.
type Read = Result<Record, Foreign>;

/// See the module.
pub(super) struct Pump {
    link: Arc<Link>,
    config: pull::Config,
    consumer: Option<(PullConsumer, pull::Stream)>,
    order: Order<Read>,
    /// Where the server takes answers about what is in hand.
    addresses: BTreeMap<u64, Subject>,
    handed: mpsc::UnboundedSender<Handed>,
    tickets: mpsc::UnboundedSender<Sequence>,
    settled: mpsc::UnboundedReceiver<Sequence>,
    /// Settlements on their way to the server.
    settling: FuturesUnordered<future::BoxFuture<'static, u64>>,
    tick: Interval,
    pause: Pause,
}

/// What happens next.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and mostly it is a message"
)]
enum Next {
    Message(Option<Result<Received, MessagesError>>),
    Settle(Sequence),
    Settled(u64),
    Tick,
}

impl Pump {
    pub(super) fn new(link: Arc<Link>, config: pull::Config, handed: mpsc::UnboundedSender<Handed>) -> Self {
        let (tickets, settled) = mpsc::unbounded_channel();
        let mut tick = interval(SIGN_OF_LIFE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            link,
            config,
            consumer: None,
            order: Order::new(),
            addresses: BTreeMap::new(),
            handed,
            tickets,
            settled,
            settling: FuturesUnordered::new(),
            tick,
            pause: Pause::new(),
        }
    }

    /// Finds the consumer, or makes it.
    pub(super) async fn open(&mut self) -> Result<(), String> {
        let context = self.link.patient();
        let made = context
            .create_consumer_on_stream(self.config.clone(), EVENTS)
            .await;
        let consumer: PullConsumer = made.map_err(|error| error.to_string())?;
        let messages = consumer.stream().heartbeat(HEARTBEAT).messages().await;
        self.consumer = Some((consumer, messages.map_err(|error| error.to_string())?));
        self.pause = Pause::new();
        self.look().await;
        Ok(())
    }

    /// Goes on until the feed is dropped.
    pub(super) async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Message(Some(Ok(received))) => self.take(received),
                // Also after a missed heartbeat: what the client has asked for is forgotten then, and it would ask again late.
                Next::Message(ended) => {
                    tracing::info!(feed = self.config.name, ?ended, "a feed is taken up again");
                    self.consumer = None;
                }
                Next::Settle(sequence) => self.settle(sequence.0),
                Next::Settled(sequence) => {
                    self.order.settle(sequence);
                    self.addresses.remove(&sequence);
                }
                Next::Tick => {
                    self.show().await;
                    if self.order.is_in_doubt() {
                        self.look().await;
                    }
                }
            }
            self.hand_out();
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            let Some((_, messages)) = &mut self.consumer else {
                self.pause.wait().await;
                if let Err(detail) = self.open().await {
                    tracing::debug!(feed = self.config.name, detail, "cannot be fed yet");
                }
                continue;
            };
            return tokio::select! {
                message = messages.next() => Next::Message(message),
                Some(sequence) = self.settled.recv() => Next::Settle(sequence),
                Some(sequence) = self.settling.next() => Next::Settled(sequence),
                _ = self.tick.tick() => Next::Tick,
            };
        }
    }

    fn take(&mut self, received: Received) {
        let place = received.info().map(|info| {
            let at = timestamp(info.published);
            (info.stream_sequence, info.consumer_sequence, at)
        });
        let (sequence, delivery, at) = match place {
            Ok(place) => place,
            Err(error) => return tracing::error!(%error, "a delivery without a place"),
        };
        let Some(address) = received.message.reply.clone() else {
            return;
        };
        self.addresses.insert(sequence, address);
        let message = received.message;
        let read = match record(
            &message.subject,
            sequence,
            message.headers.as_ref(),
            at,
            message.payload,
            Came::Delivered,
        ) {
            Ok(record) => Ok(record),
            Err(JournalError::Foreign(foreign)) => Err(foreign),
            Err(error) => return tracing::error!(%error, "a message that cannot be read"),
        };
        self.order.take(delivery, sequence, read);
    }

    fn hand_out(&mut self) {
        for (sequence, record) in self.order.ready() {
            let sequence = Sequence(sequence);
            let ticket = Ticket::new(sequence, self.tickets.clone());
            // Refused only when the feed is being dropped, and this task with it.
            let _ = self.handed.send(Handed {
                sequence,
                record,
                ticket,
            });
        }
    }

    /// Tells the server that a commit is done with, and waits beside everything else until it knows.
    fn settle(&mut self, sequence: u64) {
        let Some(address) = self.addresses.get(&sequence).cloned() else {
            return;
        };
        self.order.leave(sequence);
        let link = self.link.clone();
        let settled = async move {
            let mut pause = Pause::new();
            for _ in 0..SETTLE_TRIES {
                let request = Request::new().payload(AckKind::Ack.into());
                match link.client.send_request(address.clone(), request).await {
                    Ok(_) => break,
                    Err(error) => tracing::debug!(%error, sequence, "a settlement is not confirmed"),
                }
                pause.wait().await;
            }
            sequence
        };
        self.settling.push(Box::pin(settled));
    }

    /// Shows the server what is in hand.
    async fn show(&mut self) {
        for address in self.addresses.values() {
            let shown = self
                .link
                .client
                .publish(address.clone(), AckKind::Progress.into());
            if let Err(error) = shown.await {
                return tracing::debug!(%error, "the server is not shown what is in hand");
            }
        }
    }

    /// Learns what the server has under way.
    async fn look(&mut self) {
        let Some((consumer, _)) = &self.consumer else {
            return;
        };
        match consumer.get_info().await {
            Ok(info) => self
                .order
                .look(info.num_ack_pending, info.delivered.consumer_sequence),
            Err(error) => tracing::debug!(%error, "the server does not tell what is under way"),
        }
    }
}
