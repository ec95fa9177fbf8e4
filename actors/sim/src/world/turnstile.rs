//! The turnstile: every call of every process waits here, and one at a time goes through.
//!
//! ```text
//!   calls, in any order ─▶ sorted ─▶ one is drawn ─▶ its fate ─┬─▶ happens ─▶ checked
//!                            ▲                                 ├─▶ its process dies
//!                            └───────── waits ─────────────────┘
//! ```
//!
//! The next one is drawn only when everything stands still: the clock, which moves on only then, has a tick for each. In
//! which order calls arrive within a tick does not matter, because they are sorted before one is drawn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roost_journal::memory::Passage;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::faults::{Caller, Fate, Kind, Weather};
use crate::process::Life;

/// What one step takes.
const TICK: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Default)]
pub(crate) struct Turnstile {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    calls: BTreeMap<Call, Waiter>,
    arrivals: u64,
}

/// A call, ordered by what it is; by arrival only among equals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    process: Arc<str>,
    what: &'static str,
    about: String,
    arrival: u64,
}

struct Waiter {
    life: Arc<Life>,
    kind: Kind,
    /// When its turn may come.
    from: Instant,
    /// How often it has come.
    turns: u32,
    admit: oneshot::Sender<Passage>,
}

/// What a draw came to.
pub(crate) enum Drawn {
    /// A call happens; its line for the trace.
    Call(String),
    /// A process dies instead of calling.
    Death(Arc<Life>, String),
    /// Nothing yet.
    Nothing,
}

impl Turnstile {
    /// Waits for its turn; for ever, if `life` ends before.
    pub(crate) async fn turn(
        &self,
        life: &Arc<Life>,
        kind: Kind,
        what: &'static str,
        about: String,
    ) -> Passage {
        if !life.is_dead() {
            let (admit, admitted) = oneshot::channel();
            {
                let mut waiting = self.waiting();
                waiting.arrivals += 1;
                let call = Call {
                    process: Arc::clone(&life.process),
                    what,
                    about,
                    arrival: waiting.arrivals,
                };
                let waiter = Waiter {
                    life: Arc::clone(life),
                    kind,
                    from: Instant::now(),
                    turns: 0,
                    admit,
                };
                waiting.calls.insert(call, waiter);
            }
            self.arrived.notify_one();
            if let Ok(passage) = admitted.await {
                return passage;
            }
        }
        std::future::pending().await
    }

    /// Forgets what `life` was waiting for.
    pub(crate) fn forget(&self, life: &Arc<Life>) {
        self.waiting()
            .calls
            .retain(|_, waiter| !Arc::ptr_eq(&waiter.life, life));
    }

    /// Lets every call have its turn at once.
    pub(crate) fn hurry(&self) {
        let now = Instant::now();
        for waiter in self.waiting().calls.values_mut() {
            waiter.from = waiter.from.min(now);
        }
        self.arrived.notify_one();
    }

    /// Waits for the tick in which some call may have its turn.
    pub(crate) async fn tick(&self) {
        let next = Instant::now() + TICK;
        loop {
            let due = self.waiting().calls.values().map(|waiter| waiter.from).min();
            let Some(due) = due else {
                self.arrived.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due.max(next)) => return,
                () = self.arrived.notified() => {}
            }
        }
    }

    /// Draws a call, and lets its fate happen to it.
    pub(crate) fn draw(&self, weather: &mut Weather) -> Drawn {
        let mut waiting = self.waiting();
        let now = Instant::now();
        // Who has given up waiting has gone away.
        waiting.calls.retain(|_, waiter| !waiter.admit.is_closed());
        loop {
            let due: Vec<&Call> = waiting
                .calls
                .iter()
                .filter(|(_, waiter)| waiter.from <= now)
                .map(|(call, _)| call)
                .collect();
            if due.is_empty() {
                return Drawn::Nothing;
            }
            let call = due[weather.choose(due.len())].clone();
            let Some(waiter) = waiting.calls.get_mut(&call) else {
                return Drawn::Nothing;
            };
            let fate = weather.fate(&Caller {
                process: &call.process,
                mortal: waiter.life.is_mortal(),
                kind: waiter.kind,
                turns: waiter.turns,
            });
            if let Fate::Waits(time) = fate {
                waiter.turns += 1;
                waiter.from = now + time;
                continue;
            }
            let Some(waiter) = waiting.calls.remove(&call) else {
                return Drawn::Nothing;
            };
            let line = format!("{} {} {}", waiter.life, call.what, call.about);
            let passage = match fate {
                Fate::Happens(passage) => passage,
                Fate::Dies { after: false } => return Drawn::Death(waiter.life, line),
                Fate::Dies { after: true } => {
                    waiter.life.doom();
                    Passage::Through
                }
                Fate::Waits(_) => continue,
            };
            // It has not gone away: nothing has happened since that was looked at.
            let _ = waiter.admit.send(passage);
            return Drawn::Call(match passage {
                Passage::Through => line,
                passage => format!("{line} [{passage:?}]"),
            });
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(name: &str) -> Arc<Life> {
        Arc::new(Life::new(Arc::from(name), 1))
    }

    fn calm() -> Weather {
        let mut weather = Weather::new(fastrand::Rng::with_seed(7));
        weather.calm();
        weather
    }

    /// In which order calls happen that arrive in the order of `names`.
    async fn order(names: &[&str]) -> Vec<String> {
        let turnstile = Arc::new(Turnstile::default());
        for name in names {
            let (turnstile, life) = (Arc::clone(&turnstile), life(name));
            tokio::spawn(async move { turnstile.turn(&life, Kind::Look, "look", String::new()).await });
        }
        let mut weather = calm();
        let mut order = Vec::new();
        while order.len() < names.len() {
            turnstile.tick().await;
            if let Drawn::Call(line) = turnstile.draw(&mut weather) {
                order.push(line);
            }
        }
        order
    }

    #[tokio::test(start_paused = true)]
    async fn the_order_of_arrival_does_not_matter() {
        let forth = order(&["a", "b", "c", "d"]).await;
        assert_eq!(forth, order(&["d", "b", "a", "c"]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_life_never_has_its_turn() {
        let turnstile = Turnstile::default();
        let life = life("a");
        let turn = turnstile.turn(&life, Kind::Look, "look", String::new());
        tokio::pin!(turn);
        assert!(futures::poll!(turn.as_mut()).is_pending());
        life.end();
        turnstile.forget(&life);
        assert!(matches!(turnstile.draw(&mut calm()), Drawn::Nothing));
        assert!(futures::poll!(turn).is_pending());
        let late = turnstile.turn(&life, Kind::Look, "look", String::new());
        assert!(futures::poll!(std::pin::pin!(late)).is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_gone_away_is_passed_over() {
        let turnstile = Turnstile::default();
        let life = life("a");
        {
            let turn = turnstile.turn(&life, Kind::Look, "look", String::new());
            assert!(futures::poll!(std::pin::pin!(turn)).is_pending());
        }
        assert!(matches!(turnstile.draw(&mut calm()), Drawn::Nothing));
    }
}
