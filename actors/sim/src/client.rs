//! Clients: each sends what users, bad networks and bad people would, by its own seed, and writes down what it learns.
//!
//! ```text
//!   compose ─▶ send ──answered──▶ Diary
//!      ▲        ▲ │ not answered: again, under the same id
//!      │        └─┘
//!   mischief: what was sent before, twice at once, to whom it is not for, or garbage
//! ```

mod compose;
mod found;
mod mischief;

use std::time::Duration;

use roost_journal::port::{Message, QueueError};
use roost_schemas::command::SandboxCommand;
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, HostId, TenantId};

use crate::record::{Diary, Outcome, Sending};
use crate::world::{self, World};
pub use compose::EXPIRED;

/// The program that does not end by itself.
pub const FOREVER: &str = "sleep";
/// How often a command is sent that is not answered, while there are faults.
const TRIES: u32 = 3;
/// How often it is sent afterwards, and how long each time is waited.
const LAST: (u32, Duration) = (5, Duration::from_mins(1));
/// When the queue and the log have forgotten what they recognise by themselves, and how much is repeated then.
const LONG_AFTER: Duration = Duration::from_mins(3);
const LATE_REPEATS: u32 = 5;

/// One client.
pub struct Client {
    tenant: TenantId,
    world: World,
    ports: world::Client,
    diary: Diary,
    random: fastrand::Rng,
    name: String,
    composed: u32,
    /// The numbers of what it sent.
    sent: Vec<usize>,
}

/// A command on its way.
#[derive(Debug, Clone)]
struct Letter {
    subject: CommandSubject,
    message: Message,
    /// Nothing if its body is garbage.
    command: Option<SandboxCommand>,
}

impl Client {
    /// The client called `name`, who acts for `tenant`.
    pub fn new(world: &World, name: &str, tenant: TenantId, diary: &Diary) -> Self {
        Self {
            tenant,
            world: world.clone(),
            ports: world.client(name),
            diary: diary.clone(),
            random: world.random(name),
            name: name.to_owned(),
            composed: 0,
            sent: Vec::new(),
        }
    }

    /// Sends one command after another for as long as there are faults, then what was not answered, and, long after that,
    /// some of it once more.
    pub async fn run(mut self) {
        if self.tenant != TenantId::first() {
            self.found().await;
        }
        while self.world.is_stormy() {
            self.act().await;
            let pause = if self.random.u8(..4) == 0 { 20_000 } else { 3_000 };
            tokio::time::sleep(Duration::from_millis(self.random.u64(..pause))).await;
        }
        self.ask_again().await;
        tokio::time::sleep(LONG_AFTER).await;
        for _ in 0..LATE_REPEATS {
            if let Some(letter) = self.repeat() {
                self.post(&letter, LAST.1, &mut Vec::new()).await;
            }
        }
    }

    async fn act(&mut self) {
        match self.random.u8(..20) {
            0..12 => {
                let letter = self.compose();
                self.insist(&letter).await;
            }
            12..14 => {
                let letter = self.compose();
                let patience = self.patience();
                let (mut one, mut other) = (Vec::new(), Vec::new());
                tokio::join!(
                    self.post(&letter, patience, &mut one),
                    self.post(&letter, patience, &mut other)
                );
                self.sent.extend(one.into_iter().chain(other));
            }
            14..17 => {
                if let Some(letter) = self.repeat() {
                    self.send(&letter).await;
                }
            }
            17 => self.race().await,
            18 => {
                let letter = self.misdirect();
                self.send(&letter).await;
            }
            _ => {
                let letter = self.garbage();
                self.send(&letter).await;
            }
        }
    }

    /// Sends a command until it is answered, or given up.
    async fn insist(&mut self, letter: &Letter) {
        for _ in 0..TRIES {
            if self.send(letter).await != Outcome::Unknown {
                return;
            }
        }
    }

    async fn send(&mut self, letter: &Letter) -> Outcome {
        let patience = self.patience();
        let mut sent = Vec::new();
        let outcome = self.post(letter, patience, &mut sent).await;
        self.sent.extend(sent);
        outcome
    }

    fn patience(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(500..20_000))
    }

    /// Sends a command once; its number goes into `sent`.
    async fn post(&self, letter: &Letter, patience: Duration, sent: &mut Vec<usize>) -> Outcome {
        let number = self.diary.sent(Sending {
            subject: letter.subject.clone(),
            message: letter.message.clone(),
            command: letter.command.clone(),
            sent: self.world.elapsed(),
            outcome: Outcome::Waiting,
        });
        sent.push(number);
        let asked = self
            .ports
            .queue
            .request(&letter.subject, letter.message.clone(), patience);
        // The port's own patience may be longer than ours.
        let outcome = match tokio::time::timeout(patience * 2, asked).await {
            Ok(Ok(Reply::Accepted(accepted))) => Outcome::Accepted(accepted),
            Ok(Ok(Reply::Rejected(rejected))) => Outcome::Rejected(rejected),
            Ok(Err(QueueError::Refused { .. })) => Outcome::Refused,
            Ok(Err(_)) | Err(_) => Outcome::Unknown,
        };
        self.diary.learned(number, outcome.clone());
        outcome
    }

    /// Sends what was not answered until it is.
    async fn ask_again(&mut self) {
        let (tries, patience) = LAST;
        let mut asked: Vec<CommandId> = Vec::new();
        for number in std::mem::take(&mut self.sent) {
            let Sending {
                subject,
                message,
                command,
                outcome,
                ..
            } = self.diary.sending(number);
            let open = outcome == Outcome::Unknown && subject.route == Route::Any;
            if !open || asked.contains(&message.command_id) {
                continue;
            }
            asked.push(message.command_id.clone());
            let letter = Letter {
                subject,
                message,
                command,
            };
            for _ in 0..tries {
                if self.post(&letter, patience, &mut Vec::new()).await != Outcome::Unknown {
                    break;
                }
            }
        }
    }

    fn any_host(&mut self) -> HostId {
        let hosts: Vec<&HostId> = self.world.machines().keys().collect();
        hosts[self.random.usize(..hosts.len())].clone()
    }

    fn next_id(&mut self) -> CommandId {
        self.composed += 1;
        CommandId::new(format!("{}-{}", self.name, self.composed)).expect("it is one")
    }
}
