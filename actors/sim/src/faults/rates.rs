//! How often what goes wrong, per seed.

/// What a rate is a part of.
pub(super) const OF: u32 = 10_000;

/// Of so many calls, how many.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates {
    /// Its process dies.
    pub dies: u32,
    /// It is held up a little.
    pub lags: u32,
    /// It is held up for long.
    pub crawls: u32,
    /// A message never arrives.
    pub lost: u32,
    /// Its answer never arrives.
    pub unanswered: u32,
    /// It arrives when nobody waits for it.
    pub late: u32,
    /// It arrives again.
    pub twice: u32,
    /// A step on the machine is refused.
    pub refused: u32,
    /// A step on the machine is done, and nobody says so.
    pub unheard: u32,
    /// A connection to a guest breaks.
    pub breaks: u32,
}

impl Rates {
    /// The climate of one seed: every other thing does not go wrong at all, one in eight of the rest does often.
    pub(super) fn of(random: &mut fastrand::Rng) -> Self {
        let mut rate = |often: u32| match random.u32(0..16) {
            0..8 => 0,
            8..15 => random.u32(1..=often / 4),
            _ => often,
        };
        Self {
            dies: rate(400),
            lags: rate(3_000),
            crawls: rate(100),
            lost: rate(800),
            unanswered: rate(800),
            late: rate(400),
            twice: rate(1_000),
            refused: rate(800),
            unheard: rate(400),
            breaks: rate(500),
        }
    }
}
