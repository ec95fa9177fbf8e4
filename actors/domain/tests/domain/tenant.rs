//! Tenants: what may be asked of one, and whom its keys admit.

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::tenant::{MAX_KEYS, Tenant};
use roost_domain::{Aggregate, Decision, Folded, Rejection};
use roost_schemas::command::{ChangeTenant, Envelope, TenantChange};
use roost_schemas::event::{KeyRevoked, TenantEvent};
use roost_schemas::reply::Code;
use roost_schemas::tenant::{Key, KeyHash, Limits, Scope};
use roost_schemas::{KeyId, Sequence, TenantId, Timestamp};

use crate::support::command_id;

/// When everything is asked for that says nothing else.
const NOW: Timestamp = Timestamp(1_000);

fn limits(sandboxes: u32) -> Limits {
    Limits {
        sandboxes: Some(sandboxes),
        ..Limits::default()
    }
}

pub(crate) fn key(tenant: &str, name: &str) -> Key {
    Key {
        id: KeyId::new(name).unwrap(),
        name: name.to_owned(),
        hash: KeyHash::from_bytes(*blake3::hash(format!("{tenant} {name}").as_bytes()).as_bytes()),
        scope: Scope::Run,
        created_at: NOW,
        expires_at: None,
    }
}

fn ask_at(
    folded: &mut Folded<Tenant>,
    tenant: &str,
    at: Timestamp,
    change: TenantChange,
) -> Result<bool, Rejection> {
    let sequence = Sequence(folded.sequence.0 + 1);
    let envelope = Envelope {
        command_id: command_id(&format!("c{sequence}")),
        at,
        principal: "operator".into(),
        command: ChangeTenant {
            tenant: TenantId::new(tenant).unwrap(),
            change,
        },
    };
    let decision = folded.decide(&envelope)?;
    if let Decision::Commit(commit) = &decision {
        folded.apply(sequence, commit);
    }
    Ok(matches!(decision, Decision::Commit(_)))
}

fn ask(folded: &mut Folded<Tenant>, tenant: &str, change: TenantChange) -> Result<bool, Rejection> {
    ask_at(folded, tenant, NOW, change)
}

#[test]
fn nothing_is_asked_of_a_tenant_that_is_not_there() {
    let mut folded = Folded::default();
    for change in [
        TenantChange::SetLimits(limits(1)),
        TenantChange::CreateKey(key("acme", "k1")),
        TenantChange::RevokeKey(KeyId::new("k1").unwrap()),
    ] {
        assert_eq!(ask(&mut folded, "acme", change), Err(Rejection::NoTenant));
    }
    assert_eq!(
        ask(&mut folded, "acme", TenantChange::Create(limits(1))),
        Ok(true)
    );
    assert_eq!(
        ask(&mut folded, "acme", TenantChange::Create(limits(1))),
        Ok(false)
    );
    let other = ask(&mut folded, "acme", TenantChange::Create(limits(2)));
    assert_eq!(other, Err(Rejection::TenantExists));
    assert_eq!(folded.state.limits, Some(limits(1)));
}

#[test]
fn the_first_tenant_is_made_with_what_is_first_asked_of_it() {
    let first = TenantId::first();
    let ask = |folded: &mut Folded<Tenant>, change| ask(folded, first.as_str(), change);
    let mut folded = Folded::default();
    let revoke = TenantChange::RevokeKey(KeyId::new("k1").unwrap());
    assert_eq!(ask(&mut folded, revoke).unwrap_err().code(), Code::NotFound);
    assert!(!folded.state.is_there(), "what is refused makes nothing");
    assert_eq!(
        ask(&mut folded, TenantChange::CreateKey(key("default", "k1"))),
        Ok(true)
    );
    assert_eq!(folded.state.limits, Some(Limits::default()));
    assert_eq!(folded.state.keys.len(), 1);

    let mut folded = Folded::default();
    assert_eq!(ask(&mut folded, TenantChange::SetLimits(limits(3))), Ok(true));
    assert_eq!(folded.state.limits, Some(limits(3)));
}

#[test]
fn nobody_acts_for_the_system() {
    let mut folded = Folded::default();
    for change in [
        TenantChange::Create(limits(1)),
        TenantChange::SetLimits(limits(1)),
        TenantChange::CreateKey(key("system", "k1")),
    ] {
        let refused = ask(&mut folded, "system", change).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidRequest, "{refused}");
    }
}

#[test]
fn a_key_that_makes_no_sense_is_refused() {
    let mut folded = Folded::default();
    ask(&mut folded, "acme", TenantChange::Create(limits(1))).unwrap();
    let long = "x".repeat(101);
    for name in ["", long.as_str(), "a\tb", "\u{7f}"] {
        let named = Key {
            name: name.to_owned(),
            ..key("acme", "k1")
        };
        let refused = ask(&mut folded, "acme", TenantChange::CreateKey(named)).unwrap_err();
        assert!(refused.to_string().starts_with("name is"), "{refused}");
    }
    for end in [0, NOW.0 - 1, NOW.0] {
        let ended = Key {
            expires_at: Some(Timestamp(end)),
            ..key("acme", "k1")
        };
        let refused = ask(&mut folded, "acme", TenantChange::CreateKey(ended)).unwrap_err();
        assert!(refused.to_string().starts_with("expires_at is"), "{refused}");
    }
    assert_eq!(
        ask(&mut folded, "acme", TenantChange::CreateKey(key("acme", "k1"))),
        Ok(true)
    );
    let again = ask(&mut folded, "acme", TenantChange::CreateKey(key("acme", "k1")));
    assert_eq!(again.unwrap_err().code(), Code::Conflict);
}

#[test]
fn when_a_key_was_made_is_not_for_its_maker_to_say() {
    let mut folded = Folded::default();
    ask(&mut folded, "acme", TenantChange::Create(limits(1))).unwrap();
    let early = Key {
        created_at: Timestamp(0),
        ..key("acme", "k1")
    };
    ask(&mut folded, "acme", TenantChange::CreateKey(early)).unwrap();
    assert_eq!(folded.state.keys.values().next().unwrap().key.created_at, NOW);
}

#[test]
fn limits_that_were_so_are_on_record_so_that_a_repeat_sets_no_newer_ones_back() {
    let mut folded = Folded::default();
    ask(&mut folded, "acme", TenantChange::Create(limits(1))).unwrap();
    assert_eq!(
        ask(&mut folded, "acme", TenantChange::SetLimits(limits(1))),
        Ok(true)
    );
}

#[test]
fn a_tenant_has_so_many_keys_and_no_more_and_forgets_old_ones() {
    let mut folded = Folded::default();
    ask(&mut folded, "acme", TenantChange::Create(limits(1))).unwrap();
    for n in 0..MAX_KEYS {
        let made = key("acme", &format!("k{n}"));
        ask(&mut folded, "acme", TenantChange::CreateKey(made)).unwrap();
    }
    let more = |name: &str| TenantChange::CreateKey(key("acme", name));
    let full = ask(&mut folded, "acme", more("more")).unwrap_err();
    assert!(
        matches!(full, Rejection::TooMany { limit: MAX_KEYS, .. }),
        "{full}"
    );
    // One that ends makes room, whatever ends it; and what has ended is forgotten, the oldest first.
    for n in 0..2 * MAX_KEYS {
        let oldest = folded.state.keys.values().find(|held| held.admits(NOW));
        let oldest = oldest.unwrap().key.id.clone();
        ask(&mut folded, "acme", TenantChange::RevokeKey(oldest)).unwrap();
        let at = Timestamp(NOW.0 + n as u64 + 1);
        ask_at(&mut folded, "acme", at, more(&format!("m{n}"))).unwrap();
        let admitting = folded.state.keys.values().filter(|held| held.admits(at)).count();
        assert_eq!(admitting, MAX_KEYS);
        assert!(
            folded.state.keys.len() <= 2 * MAX_KEYS,
            "{}",
            folded.state.keys.len()
        );
    }
}

/// Events of a few keys, in any order, with times.
pub(crate) fn events(tenant: String) -> impl Strategy<Value = Vec<TenantEvent>> {
    let event = (0..4u8, 0..4u8, proptest::option::of(0..3_000u64)).prop_map(move |(kind, which, end)| {
        let made = Key {
            expires_at: end.map(Timestamp),
            ..key(&tenant, &format!("k{which}"))
        };
        match kind {
            0 => TenantEvent::Created(limits(which.into())),
            1 => TenantEvent::LimitsSet(limits(which.into())),
            2 => TenantEvent::KeyCreated(made),
            _ => TenantEvent::KeyRevoked(KeyRevoked { id: made.id }),
        }
    });
    vec(event, 1..8)
}

proptest! {
    #[test]
    fn a_key_admits_from_its_making_to_its_end_and_never_after_it_was_revoked(
        events in events("acme".into()), now in 0..4_000u64
    ) {
        let mut tenant = Tenant::default();
        let mut revoked = std::collections::BTreeSet::new();
        for event in &events {
            tenant.evolve(event);
            match event {
                // In a log a key is made once.
                TenantEvent::KeyCreated(key) => { revoked.remove(&key.id); }
                TenantEvent::KeyRevoked(KeyRevoked { id }) if tenant.keys.contains_key(id) => { revoked.insert(id.clone()); }
                _ => {}
            }
        }
        for held in tenant.keys.values() {
            let ended = held.key.expires_at.is_some_and(|end| end.0 <= now);
            prop_assert_eq!(held.admits(Timestamp(now)), !ended && !revoked.contains(&held.key.id));
        }
    }
}
