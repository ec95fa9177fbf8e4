//! API keys as their owners see them.

use jiff::Timestamp as Instant;
use roost_domain::tenant::Held;
use roost_schemas::{Timestamp, tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;
use crate::auth::secret::Secret;
use crate::error::ApiError;

/// What a key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// For people: 1 to 100 characters, none of them a control character.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "ci"
    )]
    name: String,
    #[serde(default)]
    scope: Scope,
    /// When it ends by itself; absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// What a key lets its holder do; each scope includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// See what there is and follow what happens.
    Read,
    /// Make sandboxes, and do with them what can be done.
    #[default]
    Run,
    /// Make and revoke keys and webhooks.
    Admin,
}

impl CreateKey {
    /// Its name, its scope and its end.
    pub(crate) fn parts(self) -> Result<(String, tenant::Scope, Option<Timestamp>), ApiError> {
        let expires_at = self.expires_at.as_deref().map(time).transpose()?;
        Ok((self.name, self.scope.into(), expires_at))
    }
}

/// Reads what RFC 3339 allows.
fn time(text: &str) -> Result<Timestamp, ApiError> {
    let at = text.parse::<Instant>().ok();
    let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
    at.map(Timestamp).ok_or_else(|| {
        ApiError::invalid(format!(
            "field \"expires_at\" is {text:?}: use a time of RFC 3339, such as 2027-01-31T12:00:00Z"
        ))
    })
}

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    id: String,
    name: String,
    scope: Scope,
    state: KeyState,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself; absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Whether a key admits its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    /// It does.
    Active,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Key {
    /// As it is at `now`.
    pub(crate) fn of(held: &Held, now: Timestamp) -> Self {
        let key = &held.key;
        let state = match (held.revoked, held.admits(now)) {
            (true, _) => KeyState::Revoked,
            (false, true) => KeyState::Active,
            (false, false) => KeyState::Expired,
        };
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            scope: key.scope.into(),
            state,
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
        }
    }
}

/// A tenant's keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<Key>,
}

/// A key that was made just now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The key itself, told this once: send it as `X-API-Key` or `Authorization: Bearer`.
    #[schema(pattern = "^e2b_[0-9a-f]{40}$")]
    key: String,
    #[serde(flatten)]
    made: Key,
}

impl CreatedKey {
    pub(crate) fn of(held: &Held, secret: &Secret) -> Self {
        Self {
            key: secret.as_str().to_owned(),
            made: Key::of(held, held.key.created_at),
        }
    }
}

impl From<Scope> for tenant::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Run => Self::Run,
            Scope::Admin => Self::Admin,
        }
    }
}

impl From<tenant::Scope> for Scope {
    fn from(scope: tenant::Scope) -> Self {
        match scope {
            tenant::Scope::Read => Self::Read,
            tenant::Scope::Run => Self::Run,
            tenant::Scope::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_any_zone_and_nothing_else_is_one() {
        assert_eq!(
            time("2023-11-14T22:13:20.120Z").unwrap(),
            Timestamp(1_700_000_000_120)
        );
        assert_eq!(
            time("2023-11-15T00:13:20+02:00").unwrap(),
            Timestamp(1_700_000_000_000)
        );
        for bad in ["", "tomorrow", "1700000000", "2023-11-14", "1950-01-01T00:00:00Z"] {
            assert!(time(bad).is_err(), "{bad:?}");
        }
    }
}
