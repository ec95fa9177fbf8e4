//! Session tokens: until when each is valid, and a proof that it was issued here.
//!
//! The key never leaves this process, so a token is worth nothing to another machine, nor to this one restored. Nothing
//! is kept per token: a guest that asks for millions costs no memory.

use blake3::{Hash, KEY_LEN};
use rustix::rand::{GetRandomFlags, getrandom};
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// Seconds a token may be asked to live.
pub(super) const LIFETIMES: RangeInclusive<u32> = 1..=21_600;

/// Hex digits of the time in a token; the proof follows.
const TIME_DIGITS: usize = 16;

/// Issues tokens and knows them again.
pub(super) struct Tokens {
    key: [u8; KEY_LEN],
    since: Instant,
}

impl Tokens {
    /// With a key of its own.
    pub(super) fn new() -> Self {
        let mut key = [0; KEY_LEN];
        // Up to 256 bytes come whole once the kernel's generator is seeded, for which this waits.
        getrandom(&mut key, GetRandomFlags::empty()).expect("the kernel gives random bytes");
        Self {
            key,
            since: Instant::now(),
        }
    }

    /// A token for `seconds` from `now`; nothing for a lifetime out of [`LIFETIMES`].
    pub(super) fn issue(&self, seconds: u32, now: Instant) -> Option<String> {
        let lifetime = LIFETIMES
            .contains(&seconds)
            .then(|| Duration::from_secs(seconds.into()))?;
        let end = self.millis(now + lifetime);
        Some(format!("{end:0TIME_DIGITS$x}{}", self.proof(end).to_hex()))
    }

    /// Whether `token` was issued here and is still valid at `now`.
    pub(super) fn admit(&self, token: &str, now: Instant) -> bool {
        let Some((end, proof)) = token.split_at_checked(TIME_DIGITS) else {
            return false;
        };
        let (Ok(end), Ok(proof)) = (u64::from_str_radix(end, 16), Hash::from_hex(proof)) else {
            return false;
        };
        // Hashes are compared in constant time.
        self.proof(end) == proof && end > self.millis(now)
    }

    fn proof(&self, end: u64) -> Hash {
        blake3::keyed_hash(&self.key, &end.to_be_bytes())
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.since).as_millis()).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_good_until_its_end_and_only_where_it_was_issued() {
        let (tokens, now) = (Tokens::new(), Instant::now());
        let token = tokens.issue(60, now).unwrap();
        assert!(tokens.admit(&token, now + Duration::from_secs(59)));
        assert!(!tokens.admit(&token, now + Duration::from_secs(61)));
        assert!(!Tokens::new().admit(&token, now));
    }

    #[test]
    fn a_token_cannot_be_prolonged() {
        let (tokens, now) = (Tokens::new(), Instant::now());
        let token = tokens.issue(1, now).unwrap();
        let prolonged = format!("{:016x}{}", u64::MAX, &token[TIME_DIGITS..]);
        assert!(!tokens.admit(&prolonged, now));
    }

    #[test]
    fn lifetimes_are_bounded() {
        let (tokens, now) = (Tokens::new(), Instant::now());
        for (seconds, good) in [
            (0, false),
            (1, true),
            (21_600, true),
            (21_601, false),
            (u32::MAX, false),
        ] {
            assert_eq!(tokens.issue(seconds, now).is_some(), good, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in ".{0,100}", digits in "[0-9a-f]{80}") {
            let (tokens, now) = (Tokens::new(), Instant::now());
            prop_assert!(!tokens.admit(&text, now) && !tokens.admit(&digits, now));
        }
    }
}
