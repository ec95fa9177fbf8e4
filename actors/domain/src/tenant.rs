//! A tenant: its keys and its limits.
//!
//! ```text
//!  (unknown) ──create──▶ There ──┬── set limits
//!                                ├── create key ──▶ a key that admits ──revoke, or its time──▶ one that does not
//!                                └── what it has stays, whatever its limits come to be
//! ```
//!
//! A key that was revoked, or whose time is over, stays known by its id: nobody else gets it.

use std::collections::BTreeMap;

use roost_schemas::command::{Envelope, TenantChange};
use roost_schemas::event::{KeyRevoked, TenantEvent};
use roost_schemas::tenant::{Key, Limits};
use roost_schemas::{KeyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// Keys a tenant may have had.
pub const MAX_KEYS: usize = 10_000;
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

    fn check_there(&self) -> Result<(), Rejection> {
        if self.is_there() {
            return Ok(());
        }
        Err(Rejection::NoTenant)
    }

    fn create_key(&self, key: &Key, at: Timestamp) -> Result<Vec<TenantEvent>, Rejection> {
        self.check_there()?;
        if self.keys.contains_key(&key.id) {
            return Err(Rejection::KeyExists(key.id.clone()));
        }
        if self.keys.len() >= MAX_KEYS {
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
        if key.expires_at.is_some_and(|end| end <= at) {
            let rule = "a key ends after it was made";
            return Err(Rejection::invalid("expires_at", key.expires_at, rule));
        }
        Ok(vec![TenantEvent::KeyCreated(key.clone())])
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
}

impl Aggregate for Tenant {
    type Command = TenantChange;
    type Event = TenantEvent;

    fn decide(&self, command: &Envelope<TenantChange>) -> Result<Vec<TenantEvent>, Rejection> {
        match &command.command {
            TenantChange::Create(limits) if self.limits.as_ref() == Some(limits) => Ok(Vec::new()),
            TenantChange::Create(_) if self.is_there() => Err(Rejection::TenantExists),
            TenantChange::Create(limits) => Ok(vec![TenantEvent::Created(*limits)]),
            TenantChange::SetLimits(limits) => {
                self.check_there()?;
                Ok(if self.limits.as_ref() == Some(limits) {
                    Vec::new()
                } else {
                    vec![TenantEvent::LimitsSet(*limits)]
                })
            }
            TenantChange::CreateKey(key) => self.create_key(key, command.at),
            TenantChange::RevokeKey(id) => self.revoke_key(id),
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
            }
            TenantEvent::KeyRevoked(KeyRevoked { id }) => {
                if let Some(held) = self.keys.get_mut(id) {
                    held.revoked = true;
                }
            }
        }
    }
}
