use roost_domain::fleet::Fleet;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{EngineKind, Running, SandboxEvent, TimeoutSet};
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, Generation, Sequence};

use super::*;

/// The time of day when the steady clock was at zero.
const MIDNIGHT: u64 = 1_800_000_000_000;

fn key() -> Key {
    (TenantId::new("t").unwrap(), SandboxId::new("s1").unwrap())
}

fn day(seconds: u64) -> Timestamp {
    Timestamp(MIDNIGHT + 1_000 * seconds)
}

/// A running sandbox that ends at `expires_at`.
fn fleet(expires_at: Timestamp) -> Fleet {
    let mut fleet = Fleet::default();
    let running = SandboxEvent::Running(Running {
        generation: Generation(1),
        engine: EngineKind::Qemu,
        engine_version: String::new(),
        boot_ms: 1,
        restored_from: None,
        started_at: day(0),
        expires_at,
    });
    tell(&mut fleet, 1, running);
    fleet
}

fn tell(fleet: &mut Fleet, sequence: u64, event: SandboxEvent) {
    let (tenant, id) = key();
    let commit = Commit {
        command_id: CommandId::new(format!("c{sequence}")).unwrap(),
        schema_version: SCHEMA_VERSION,
        at: day(0),
        principal: "test".into(),
        events: vec![event],
    };
    let subject = EventSubject::sandbox(tenant, id);
    fleet
        .apply(&subject, Sequence(sequence), &commit.encode())
        .unwrap();
}

/// For how many seconds its time is over, as seen at `seconds` by both clocks, of which that of the day is off by `off`.
fn late(deadlines: &mut Deadlines, fleet: &Fleet, seconds: u64, off: i64) -> Option<u64> {
    let Timestamp(now) = day(seconds);
    let now = Timestamp(now.checked_add_signed(1_000 * off).unwrap());
    let overdue = deadlines.overdue(fleet, now, Duration::from_secs(seconds));
    overdue.get(&key()).map(Duration::as_secs)
}

#[test]
fn what_is_known_stays_whatever_the_clock_is_set_to() {
    let fleet = fleet(day(100));
    let mut deadlines = Deadlines::default();
    assert_eq!(late(&mut deadlines, &fleet, 10, 0), None);
    for off in [3_600, -3_600, 0, 1_000_000] {
        assert_eq!(late(&mut deadlines, &fleet, 99, off), None);
        assert_eq!(late(&mut deadlines, &fleet, 103, off), Some(3));
    }
}

#[test]
fn another_end_is_counted_anew() {
    let mut fleet = fleet(day(100));
    let mut deadlines = Deadlines::default();
    late(&mut deadlines, &fleet, 10, 0);
    let expires_at = day(200);
    tell(&mut fleet, 2, SandboxEvent::TimeoutSet(TimeoutSet { expires_at }));
    assert_eq!(late(&mut deadlines, &fleet, 150, 0), None);
    assert_eq!(late(&mut deadlines, &fleet, 201, 0), Some(1));
}

#[test]
fn the_next_life_counts_on_and_what_is_kept_is_kept_once() {
    let fleet = fleet(day(100));
    let mut first = Deadlines::default();
    late(&mut first, &fleet, 10, 0);
    let kept = first.unkept().unwrap();
    first.kept();
    late(&mut first, &fleet, 11, 0);
    assert_eq!(first.unkept(), None, "nothing is new");
    late(&mut first, &fleet, 12, 60);
    assert!(first.unkept().is_some(), "another time of day");

    let mut second = Deadlines::restore(&kept, Duration::from_secs(90)).unwrap();
    assert_eq!(late(&mut second, &fleet, 90, 3_600), None);
    assert_eq!(late(&mut second, &fleet, 100, 3_600), Some(0));
    let unknown = late(&mut Deadlines::default(), &fleet, 90, 3_600);
    assert_eq!(unknown, Some(0), "without it");
}

#[test]
fn an_end_that_was_written_before_the_clock_was_set_is_not_early_and_is_forgotten_as_such() {
    let (none, some) = (Fleet::default(), fleet(day(100)));
    let mut deadlines = Deadlines::default();
    late(&mut deadlines, &none, 10, 0);
    late(&mut deadlines, &none, 11, 3_600);
    assert_eq!(late(&mut deadlines, &some, 12, 3_600), None);
    assert_eq!(late(&mut deadlines, &some, 100, 3_600), Some(0));
    // An hour later the time of day that was is no reason to wait any more.
    for seconds in 3_000..3_070 {
        late(&mut deadlines, &none, seconds, 3_600);
    }
    let set = fleet(Timestamp(day(3_700).0 + 3_600_000));
    assert_eq!(late(&mut deadlines, &set, 3_071, 3_600), None);
    assert_eq!(late(&mut deadlines, &set, 3_701, 3_600), Some(1));
}

#[test]
fn a_clock_that_is_kept_slow_or_fast_was_not_set() {
    let fleet = fleet(day(100_000));
    let mut deadlines = Deadlines::default();
    late(&mut deadlines, &fleet, 0, 0);
    deadlines.kept();
    for seconds in 1..2_000 {
        let off = Duration::from_millis(seconds / 2);
        let now = day(seconds).plus(off);
        deadlines.overdue(&fleet, now, Duration::from_secs(seconds));
    }
    assert_eq!(deadlines.unkept(), None);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut deadlines = Deadlines::default();
    late(&mut deadlines, &fleet(day(100)), 10, 0);
    let whole = deadlines.unkept().unwrap();
    for length in 0..whole.len() {
        Deadlines::restore(&whole[..length], Duration::ZERO).unwrap_err();
    }
    Deadlines::restore(&[&whole[..], b"x"].concat(), Duration::ZERO).unwrap_err();
}
