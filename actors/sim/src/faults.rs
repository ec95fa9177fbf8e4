//! The weather: what goes wrong at which call, drawn from the seed, and what lasts a while.
//!
//! Each seed has a climate of its own, in which some things go wrong often and others never: bugs that need many faults of
//! one kind are found, and so are those that need a calm day.

mod rates;
mod storm;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::memory::Passage;
use tokio::time::Instant;

use rates::Rates;

pub(crate) use storm::rage;

/// What a call is, which says what can become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A request to the server: lost, late, twice, or its answer lost.
    Request,
    /// A message of what is followed: only late.
    Item,
    /// A command: late, twice, in another order, or not at all until its lease is over.
    Delivery,
    /// A look at the machine, or the fence: only slow.
    Look,
    /// A step with an engine.
    Engine,
    /// A step with a guest, which may be silent.
    Guest,
    /// What a guest writes, on a connection that may break.
    Output,
    /// A step with a slot or a drive's end.
    Place,
    /// A step that needs room on the disk.
    Disk,
    /// The same where a failure leaves nothing behind, so that it is never done unheard.
    Seal,
}

/// What becomes of a call whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It happens, this way.
    Happens(Passage),
    /// Its turn comes again after this long.
    Waits(Duration),
    /// Its process dies, before it or after it.
    Dies {
        /// When it has had its effect.
        after: bool,
    },
}

/// What lasts a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ill {
    /// The process cannot reach the server.
    Cut,
    /// The process is stopped, as by SIGSTOP.
    Stopped,
    /// Everything it does takes long.
    Slow,
    /// Its machine's disk is full.
    Full,
    /// The guests on its machine do not answer.
    Silent,
}

impl Ill {
    fn is_of_machine(self) -> bool {
        matches!(self, Self::Full | Self::Silent)
    }
}

/// The weather of one world.
pub(crate) struct Weather {
    random: fastrand::Rng,
    rates: Rates,
    ills: BTreeMap<(Ill, Arc<str>), Instant>,
    stormy: bool,
}

/// A call as the weather sees it.
pub(crate) struct Caller<'a> {
    pub(crate) process: &'a Arc<str>,
    /// Clients neither die nor stop: they are outside, and remember what they were told.
    pub(crate) mortal: bool,
    pub(crate) kind: Kind,
    /// How often its turn has come before.
    pub(crate) turns: u32,
}

impl Weather {
    pub(crate) fn new(mut random: fastrand::Rng) -> Self {
        let rates = Rates::of(&mut random);
        Self {
            random,
            rates,
            ills: BTreeMap::new(),
            stormy: true,
        }
    }

    /// Which of `count` calls comes next.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        self.random.usize(..count)
    }

    /// Lets `process` be `ill` for so long from now.
    pub(crate) fn strike(&mut self, ill: Ill, process: &Arc<str>, lasts: Duration) {
        let until = Instant::now() + lasts;
        self.ills.insert((ill, Arc::clone(process)), until);
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm(&mut self) {
        self.stormy = false;
        self.ills.clear();
    }

    pub(crate) fn is_stormy(&self) -> bool {
        self.stormy
    }

    /// Whether steps on machines are refused in this world.
    pub(crate) fn refuses_steps(&self) -> bool {
        self.rates.refused > 0
    }

    fn left(&self, ill: Ill, process: &Arc<str>) -> Option<Duration> {
        let until = self.ills.get(&(ill, Arc::clone(process)))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// What becomes of this call.
    pub(crate) fn fate(&mut self, caller: &Caller<'_>) -> Fate {
        const THROUGH: Fate = Fate::Happens(Passage::Through);
        if !self.stormy {
            return THROUGH;
        }
        if let Some(left) = self.left(Ill::Stopped, caller.process) {
            return Fate::Waits(left);
        }
        if caller.mortal && self.draws(self.rates.dies) {
            return Fate::Dies {
                after: self.random.bool(),
            };
        }
        if caller.turns == 0
            && let Some(longest) = self.wait(caller)
        {
            return Fate::Waits(self.up_to(longest));
        }
        match caller.kind {
            Kind::Request => self.request(caller),
            Kind::Item => match self.left(Ill::Cut, caller.process) {
                Some(left) => Fate::Waits(left),
                None => THROUGH,
            },
            Kind::Delivery => self.delivery(caller),
            Kind::Guest if self.left(Ill::Silent, caller.process).is_some() => self.silence(caller),
            Kind::Output if self.draws(self.rates.breaks) => Fate::Happens(Passage::Lost),
            Kind::Look | Kind::Output => THROUGH,
            Kind::Disk | Kind::Seal if self.left(Ill::Full, caller.process).is_some() => {
                Fate::Happens(Passage::Lost)
            }
            Kind::Engine | Kind::Guest | Kind::Place | Kind::Disk | Kind::Seal => self.step(caller.kind),
        }
    }

    /// How long the call may be held up before it happens, if it is.
    fn wait(&mut self, caller: &Caller<'_>) -> Option<Duration> {
        if self.left(Ill::Slow, caller.process).is_some() {
            return Some(Duration::from_secs(8));
        }
        if self.draws(self.rates.crawls) {
            return Some(Duration::from_secs(20));
        }
        self.draws(self.rates.lags).then_some(Duration::from_millis(300))
    }

    fn request(&mut self, caller: &Caller<'_>) -> Fate {
        if self.left(Ill::Cut, caller.process).is_some() {
            // It takes a moment until nobody waits for an answer any more.
            return if caller.turns < 2 {
                Fate::Waits(self.up_to(Duration::from_secs(5)))
            } else {
                Fate::Happens(Passage::Lost)
            };
        }
        Fate::Happens(if self.draws(self.rates.lost) {
            Passage::Lost
        } else if self.draws(self.rates.unanswered) {
            Passage::Unanswered
        } else if self.draws(self.rates.late) {
            Passage::Late(self.up_to(Duration::from_secs(40)))
        } else if self.draws(self.rates.twice) {
            Passage::Twice(self.up_to(Duration::from_secs(200)))
        } else {
            Passage::Through
        })
    }

    fn delivery(&mut self, caller: &Caller<'_>) -> Fate {
        if let Some(left) = self.left(Ill::Cut, caller.process) {
            return Fate::Waits(left);
        }
        Fate::Happens(if self.draws(self.rates.lost) {
            Passage::Lost
        } else if self.draws(self.rates.late) {
            Passage::Late(self.up_to(Duration::from_secs(5)))
        } else if self.draws(self.rates.twice) {
            Passage::Twice(Duration::ZERO)
        } else {
            Passage::Through
        })
    }

    fn silence(&mut self, caller: &Caller<'_>) -> Fate {
        if caller.turns < 2 {
            return Fate::Waits(self.up_to(Duration::from_secs(10)));
        }
        Fate::Happens(Passage::Late(Duration::ZERO))
    }

    fn step(&mut self, kind: Kind) -> Fate {
        Fate::Happens(if self.draws(self.rates.refused) {
            Passage::Lost
        } else if kind != Kind::Seal && self.draws(self.rates.unheard) {
            Passage::Unanswered
        } else {
            Passage::Through
        })
    }

    fn draws(&mut self, rate: u32) -> bool {
        rate > 0 && self.random.u32(0..rates::OF) < rate
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.random.u64(1..=longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(weather: &mut Weather, kind: Kind, mortal: bool) -> Vec<Fate> {
        let process = Arc::from("h1");
        let caller = Caller {
            process: &process,
            mortal,
            kind,
            turns: 2,
        };
        (0..10_000).map(|_| weather.fate(&caller)).collect()
    }

    fn worst() -> Weather {
        let mut weather = Weather::new(fastrand::Rng::with_seed(1));
        weather.rates = Rates {
            dies: 100,
            lost: 500,
            unanswered: 500,
            late: 500,
            twice: 500,
            refused: 500,
            unheard: 500,
            ..Rates::default()
        };
        weather
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_storm_everything_happens_at_once() {
        let mut weather = worst();
        weather.strike(Ill::Cut, &Arc::from("h1"), Duration::from_mins(1));
        weather.calm();
        let through = Fate::Happens(Passage::Through);
        assert!(
            fates(&mut weather, Kind::Request, true)
                .iter()
                .all(|fate| *fate == through)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_cut_off_gets_nothing_through_until_it_is_over() {
        let mut weather = worst();
        weather.strike(Ill::Cut, &Arc::from("h1"), Duration::from_mins(1));
        let lost = Fate::Happens(Passage::Lost);
        assert!(
            fates(&mut weather, Kind::Request, false)
                .iter()
                .all(|fate| *fate == lost)
        );
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(fates(&mut weather, Kind::Request, false).contains(&Fate::Happens(Passage::Through)));
    }

    #[tokio::test(start_paused = true)]
    async fn clients_do_not_die_and_seals_are_never_done_unheard() {
        let mut weather = worst();
        let dies = |fate: &Fate| matches!(fate, Fate::Dies { .. });
        assert!(fates(&mut weather, Kind::Request, true).iter().any(dies));
        assert!(!fates(&mut weather, Kind::Request, false).iter().any(dies));
        let unheard = Fate::Happens(Passage::Unanswered);
        assert!(fates(&mut weather, Kind::Disk, false).contains(&unheard));
        assert!(!fates(&mut weather, Kind::Seal, false).contains(&unheard));
    }
}
