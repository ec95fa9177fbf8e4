//! A tenant: its keys and its limits.
//!
//! ```text
//!  (unknown) ──create──▶ There ──┬── set limits
//!      │                    ▲    ├── create key ──▶ a key that admits ──revoke, or its time──▶ one that does not
//!      └─ any change of ────┘    └── what it has stays, whatever its limits come to be
//!         the first tenant
//! ```
//!
//! A key that was revoked, or whose time is over, stays known for a while, so that its holder can be told.

use std::collections::BTreeMap;

use roost_schemas::command::{ChangeTenant, Envelope, TenantChange};
use roost_schemas::event::{KeyRevoked, TenantEvent};
use roost_schemas::tenant::{Key, Limits};
use roost_schemas::{KeyId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// Keys that a tenant may have at a time.
pub const MAX_KEYS: usize = 1_000;
/// Keys that are remembered, those too that admit nobody any more.
const MAX_KNOWN: usize = 2 * MAX_KEYS;
/// Characters of a key's name.
pub const MAX_NAME: usize = 100;

/// What is known of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// How much it may have; nothing before it was created.
    pub limits: Option<Limits>,
    /// Its keys, those too that admit nobody any more.
    pub keys: BTreeMap<KeyId, Held>,
}

/// A key and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The key.
    pub key: Key,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Held {
    /// Whether its holder may act at `now`.
    pub fn admits(&self, now: Timestamp) -> bool {
        !self.revoked && self.key.expires_at.is_none_or(|end| now < end)
    }
}

impl Tenant {
    /// Whether it was created.
    pub fn is_there(&self) -> bool {
        self.limits.is_some()
    }

    fn change(&self, change: &TenantChange, at: Timestamp) -> Result<Vec<TenantEvent>, Rejection> {
        match change {
            TenantChange::Create(limits) if self.limits.as_ref() == Some(limits) => Ok(Vec::new()),
            TenantChange::Create(_) if self.is_there() => Err(Rejection::TenantExists),
            TenantChange::Create(limits) => Ok(vec![TenantEvent::Created(*limits)]),
            _ if !self.is_there() => Err(Rejection::NoTenant),
            TenantChange::SetLimits(limits) if self.limits.as_ref() == Some(limits) => Ok(Vec::new()),
            TenantChange::SetLimits(limits) => Ok(vec![TenantEvent::LimitsSet(*limits)]),
            TenantChange::CreateKey(key) => self.create_key(key, at),
            TenantChange::RevokeKey(id) => self.revoke_key(id),
        }
    }

    fn create_key(&self, key: &Key, at: Timestamp) -> Result<Vec<TenantEvent>, Rejection> {
        if self.keys.contains_key(&key.id) {
            return Err(Rejection::KeyExists(key.id.clone()));
        }
        if self.keys.values().filter(|held| held.admits(at)).count() >= MAX_KEYS {
            return Err(Rejection::TooMany {
                what: "keys",
                limit: MAX_KEYS,
            });
        }
        let length = key.name.chars().count();
        if length == 0 || length > MAX_NAME || key.name.chars().any(char::is_control) {
            let rule = format!("use 1 to {MAX_NAME} characters, none of them a control character");
            return Err(Rejection::invalid("name", &key.name, rule));
        }
        if let Some(end) = key.expires_at.filter(|end| *end <= at) {
            let rule = format!("a key ends after it was made, which is at {}", at.0);
            return Err(Rejection::invalid("expires_at", end.0, rule));
        }
        // When it was made is not for its maker to say.
        let created_at = at;
        Ok(vec![TenantEvent::KeyCreated(Key {
            created_at,
            ..key.clone()
        })])
    }

    fn revoke_key(&self, id: &KeyId) -> Result<Vec<TenantEvent>, Rejection> {
        match self.keys.get(id) {
            Some(held) if held.revoked => Ok(Vec::new()),
            Some(_) => Ok(vec![TenantEvent::KeyRevoked(KeyRevoked { id: id.clone() })]),
            None => Err(Rejection::NotFound {
                what: "key",
                id: id.to_string(),
                hint: String::new(),
            }),
        }
    }

    /// Forgets the oldest of those that admit nobody at `now`, if there are too many.
    fn forget(&mut self, now: Timestamp) {
        if self.keys.len() <= MAX_KNOWN {
            return;
        }
        let dead = self.keys.values().filter(|held| !held.admits(now));
        let oldest = dead.min_by_key(|held| (held.key.created_at, &held.key.id));
        if let Some(id) = oldest.map(|held| held.key.id.clone()) {
            self.keys.remove(&id);
        }
    }
}

impl Aggregate for Tenant {
    type Command = ChangeTenant;
    type Event = TenantEvent;

    fn decide(&self, command: &Envelope<ChangeTenant>) -> Result<Vec<TenantEvent>, Rejection> {
        let ChangeTenant { tenant, change } = &command.command;
        if *tenant == TenantId::system() {
            let rule = "that is where the operator's own things stand; choose another id";
            return Err(Rejection::invalid("tenant", tenant.as_str(), rule));
        }
        if self.is_there() || *tenant != TenantId::first() || matches!(change, TenantChange::Create(_)) {
            return self.change(change, command.at);
        }
        // There without being made: it is made with what is first asked of it.
        let created = TenantEvent::Created(Limits::default());
        let mut there = self.clone();
        there.evolve(&created);
        let then = there.change(change, command.at)?;
        Ok([vec![created], then].concat())
    }

    /// Limits that are so already may be others when the same command comes again.
    fn confirm(&self, command: &ChangeTenant) -> Option<TenantEvent> {
        match &command.change {
            TenantChange::SetLimits(limits) => Some(TenantEvent::LimitsSet(*limits)),
            _ => None,
        }
    }

    fn standing(&self) -> &'static str {
        if self.is_there() { "there" } else { "absent" }
    }

    fn evolve(&mut self, event: &TenantEvent) {
        match event {
            TenantEvent::Created(limits) | TenantEvent::LimitsSet(limits) => self.limits = Some(*limits),
            TenantEvent::KeyCreated(key) => {
                let held = Held {
                    key: key.clone(),
                    revoked: false,
                };
                self.keys.insert(key.id.clone(), held);
                self.forget(key.created_at);
            }
            TenantEvent::KeyRevoked(KeyRevoked { id }) => {
                if let Some(held) = self.keys.get_mut(id) {
                    held.revoked = true;
                }
            }
        }
    }
}
