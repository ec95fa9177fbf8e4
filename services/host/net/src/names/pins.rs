//! Which addresses a slot's allowed names have, and for how long: pure, beside what the packet filter holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use roost_schemas::network::NamePattern;

/// Addresses that one guest's names may have at once.
pub(crate) const MOST: usize = 2048;

/// How much longer the packet filter keeps an address: the guest counts from when it hears of it.
const GRACE: Duration = Duration::from_secs(5);

/// What connections carry that were begun under a name.
pub(crate) type Mark = u32;

/// The mark of a name. From its text alone, so that it is the same after a restart: FNV-1a, and never 0, which is what
/// connections carry that were begun under none.
pub(crate) fn mark_of(name: &NamePattern) -> Mark {
    let hash = name.to_string().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash.max(1)
}

/// An address in the packet filter's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) address: Ipv4Addr,
    pub(crate) mark: Mark,
    /// How long it stays there.
    pub(crate) life: Duration,
}

/// As many addresses as one guest may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the names that this sandbox asked for have {MOST} addresses already: they are let go as their answers end"
)]
pub(crate) struct Full;

/// Until when an address stands for which names.
#[derive(Debug, Clone, Default)]
struct Entry {
    until: BTreeMap<Mark, Instant>,
    /// The mark that the packet filter has.
    shown: Mark,
}

impl Entry {
    fn end(&self) -> Option<Instant> {
        self.until.values().max().copied()
    }
}

/// The addresses of one slot.
#[derive(Debug, Default)]
pub(crate) struct Pins(HashMap<Ipv4Addr, Entry>);

impl Pins {
    /// Those that the packet filter still has at `now`, each with what is left of its life there.
    pub(crate) fn found(pins: &[Pin], now: Instant) -> Self {
        let entry = |pin: &Pin| {
            let until = now + pin.life.saturating_sub(GRACE);
            let entry = Entry {
                until: [(pin.mark, until)].into(),
                shown: pin.mark,
            };
            (pin.address, entry)
        };
        Self(pins.iter().map(entry).collect())
    }

    /// What has to change in the packet filter so that `addresses` stand for the names of `marks` until `life` from `now`.
    /// Nothing is noted yet: see [`Self::note`].
    pub(crate) fn missing(
        &mut self,
        addresses: &[Ipv4Addr],
        marks: &BTreeSet<Mark>,
        now: Instant,
        life: Duration,
    ) -> Result<Vec<Pin>, Full> {
        self.0
            .retain(|_, entry| entry.end().is_some_and(|end| end + GRACE > now));
        let (until, mut fresh) = (now + life, 0);
        let mut missing = Vec::new();
        for address in addresses {
            let entry = self.0.get(address);
            fresh += usize::from(entry.is_none());
            let stands = entry.is_some_and(|entry| entry.end().is_some_and(|end| end >= until));
            let Some(mark) = entry.map(|entry| entry.shown).or(marks.first().copied()) else {
                continue;
            };
            if !stands {
                missing.push(Pin {
                    address: *address,
                    mark,
                    life: life + GRACE,
                });
            }
        }
        if self.0.len() + fresh > MOST {
            return Err(Full);
        }
        Ok(missing)
    }

    /// Notes what [`Self::missing`] was asked, once the packet filter has it.
    pub(crate) fn note(
        &mut self,
        addresses: &[Ipv4Addr],
        marks: &BTreeSet<Mark>,
        now: Instant,
        life: Duration,
    ) {
        for address in addresses {
            let entry = self.0.entry(*address).or_default();
            for mark in marks {
                let until = entry.until.entry(*mark).or_insert(now);
                *until = (*until).max(now + life);
                if entry.shown == 0 {
                    entry.shown = *mark;
                }
            }
        }
    }

    /// Forgets every name but those of `marks`; what is left is what the packet filter's map shall hold.
    pub(crate) fn keep(&mut self, marks: &BTreeSet<Mark>, now: Instant) -> Vec<Pin> {
        self.0.retain(|_, entry| {
            entry
                .until
                .retain(|mark, until| marks.contains(mark) && *until > now);
            !entry.until.is_empty()
        });
        let pin = |(address, entry): (&Ipv4Addr, &mut Entry)| {
            let (mark, _) = entry.until.first_key_value()?;
            entry.shown = *mark;
            let life = entry.end()?.saturating_duration_since(now) + GRACE;
            Some(Pin {
                address: *address,
                mark: entry.shown,
                life,
            })
        };
        self.0.iter_mut().filter_map(pin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_mins(1);

    fn address(n: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0102_0000 + u32::try_from(n).unwrap())
    }

    fn admit(pins: &mut Pins, at: &[Ipv4Addr], marks: &[Mark], now: Instant) -> Result<Vec<Pin>, Full> {
        let marks = marks.iter().copied().collect();
        let missing = pins.missing(at, &marks, now, LIFE)?;
        pins.note(at, &marks, now, LIFE);
        Ok(missing)
    }

    fn pin(n: usize, mark: Mark, life: Duration) -> Pin {
        Pin {
            address: address(n),
            mark,
            life,
        }
    }

    #[test]
    fn what_stands_is_not_written_again_and_what_ends_sooner_is() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        let written = Ok(vec![pin(1, 7, LIFE + GRACE)]);
        assert_eq!(admit(&mut pins, &[address(1)], &[7], now), written);
        assert_eq!(admit(&mut pins, &[address(1)], &[7], now), Ok(vec![]));
        let later = now + Duration::from_secs(1);
        assert_eq!(admit(&mut pins, &[address(1)], &[7], later), written);
        let over = later + LIFE + GRACE;
        assert_eq!(
            admit(&mut pins, &[address(1)], &[9], over),
            Ok(vec![pin(1, 9, LIFE + GRACE)]),
            "nothing is left of the first name"
        );
    }

    #[test]
    fn an_address_of_two_names_keeps_its_mark_until_its_name_is_gone() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        admit(&mut pins, &[address(1)], &[7], now).unwrap();
        let later = now + LIFE / 2;
        let missing = admit(&mut pins, &[address(1)], &[9], later).unwrap();
        assert_eq!(
            missing[0].mark, 7,
            "the filter refuses another mark for what it has"
        );
        assert_eq!(
            pins.keep(&[9].into(), later),
            [pin(1, 9, LIFE + GRACE)],
            "the other name still has it"
        );
        assert_eq!(pins.keep(&BTreeSet::new(), later), []);
    }

    #[test]
    fn what_is_kept_lives_no_longer_than_it_would_have() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        admit(&mut pins, &[address(1)], &[7], now).unwrap();
        let later = now + Duration::from_secs(20);
        assert_eq!(
            pins.keep(&[7].into(), later),
            [pin(1, 7, Duration::from_secs(40) + GRACE)]
        );
        assert_eq!(pins.keep(&[7].into(), now + LIFE), []);
    }

    #[test]
    fn what_an_earlier_process_left_goes_on() {
        let (mut before, now) = (Pins::default(), Instant::now());
        let written = admit(&mut before, &[address(1), address(2)], &[7], now).unwrap();
        let mut pins = Pins::found(&written, now);
        assert_eq!(admit(&mut pins, &[address(1)], &[7], now), Ok(vec![]));
        let later = now + Duration::from_secs(20);
        let missing = admit(&mut pins, &[address(1)], &[9], later).unwrap();
        assert_eq!(missing[0].mark, 7, "the filter has it under this mark");
        let mut kept = pins.keep(&[7].into(), later);
        kept.sort_unstable_by_key(|pin| pin.address);
        let left = Duration::from_secs(40) + GRACE;
        assert_eq!(kept, [pin(1, 7, left), pin(2, 7, left)]);
    }

    #[test]
    fn one_guest_has_so_many_addresses_and_no_more() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        let all: Vec<_> = (0..MOST).map(address).collect();
        admit(&mut pins, &all, &[7], now).unwrap();
        assert_eq!(admit(&mut pins, &[address(MOST)], &[7], now), Err(Full));
        assert_eq!(
            admit(&mut pins, &all[..3], &[7], now),
            Ok(vec![]),
            "those it has are its own"
        );
        let over = now + LIFE + GRACE;
        assert!(admit(&mut pins, &[address(MOST)], &[7], over).is_ok());
    }

    #[test]
    fn a_name_has_one_mark_and_it_is_not_none() {
        let mark = |text: &str| mark_of(&text.parse().unwrap());
        assert_eq!(mark("Example.com"), mark("example.com."));
        assert_ne!(mark("example.com"), mark("*.example.com"));
        assert_ne!(mark("example.com"), 0);
    }
}
