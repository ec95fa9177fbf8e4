//! Numbers that follow from a seed, so that a run which failed can be made again.

use std::time::Duration;

/// A sequence of them (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for the part of this name; how often the others are asked does not change it.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let digest = blake3::hash(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Self(self.0 ^ u64::from_le_bytes(first))
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("it is below a usize")
    }

    /// One of `choices`, each as often as its weight says; not all weights are zero.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, usize)]) -> T {
        let all = choices.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.below(all);
        for (choice, weight) in choices {
            if drawn < *weight {
                return *choice;
            }
            drawn -= weight;
        }
        unreachable!("it is below the sum of the weights")
    }

    /// A time in a range of milliseconds.
    pub fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        let span = usize::try_from(range.end - range.start).expect("a range of some seconds");
        Duration::from_millis(range.start + self.below(span) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_everything_and_parts_go_their_own_ways() {
        let draw = |mut chance: Chance| -> Vec<usize> { (0..20).map(|_| chance.below(1000)).collect() };
        let chance = Chance::new(7);
        assert_eq!(draw(chance.clone()), draw(Chance::new(7)));
        assert_eq!(draw(chance.part("a")), draw(Chance::new(7).part("a")));
        assert_ne!(draw(chance.part("a")), draw(chance.part("b")));
        assert_ne!(draw(chance), draw(Chance::new(8)));
    }

    #[test]
    fn weights_are_kept_and_zero_is_never_drawn() {
        let mut chance = Chance::new(1);
        let drawn: Vec<char> = (0..1000)
            .map(|_| chance.weighted(&[('a', 3), ('b', 0), ('c', 1)]))
            .collect();
        let count = |wanted| drawn.iter().filter(|one| **one == wanted).count();
        assert_eq!(count('b'), 0);
        assert!((600..900).contains(&count('a')), "{}", count('a'));
    }
}
