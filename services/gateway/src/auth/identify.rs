//! Whose key it is.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::tenant::Held;
use roost_schemas::{Sequence, TenantId, Timestamp};
use tokio::time::sleep;

use super::secret::Secret;
use crate::caller::Caller;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// How often it is asked whether a key is still good with which something was opened that lasts.
const LOOK: Duration = Duration::from_millis(500);

/// What a key is, as far as this gateway has read the log.
enum Known {
    /// Its holder acts.
    Good(Arc<Caller>),
    /// It was revoked, or its time is over.
    Over,
    /// Nobody's.
    Unknown,
}

impl Gateway {
    /// Who has sent `candidate` as a key.
    pub(crate) async fn authenticate(&self, candidate: &[u8]) -> Result<Arc<Caller>, ApiError> {
        if let Some(operator) = self.operator(candidate) {
            return Ok(operator);
        }
        let secret = Secret::parse(candidate).ok_or_else(nobody)?;
        // A key may have been revoked before this process has read that far.
        self.reach(Sequence::default()).await?;
        match self.standing_of(&secret) {
            Known::Good(caller) => return Ok(caller),
            Known::Over => return Err(nobody()),
            Known::Unknown => {}
        }
        // It may have been made through another gateway just now.
        self.catch_up().reach(self).await?;
        match self.standing_of(&secret) {
            Known::Good(caller) => Ok(caller),
            Known::Over | Known::Unknown => Err(nobody()),
        }
    }

    /// Whether the caller's key is still good: for what lasts longer than a request.
    pub(crate) fn is_admitted(&self) -> bool {
        let caller = self.caller();
        let Some(key) = &caller.key else {
            return true;
        };
        let now = Timestamp::now();
        self.fleet().read(|fleet| {
            let tenant = fleet.tenant(&caller.tenant);
            let held = tenant.and_then(|view| view.state.keys.get(key));
            held.is_some_and(|held| held.admits(now))
        })
    }

    /// Fails if the caller's key admits nobody any more: before something more is done for it in one long request.
    pub(crate) fn check_admitted(&self) -> Result<(), ApiError> {
        if self.is_admitted() {
            return Ok(());
        }
        let message = "the API key that opened this was revoked, or its time is over";
        Err(ApiError::new(Code::Unauthorized, message))
    }

    /// Waits until the caller's key admits nobody any more, which may never be.
    pub(crate) async fn revoked(&self) -> ApiError {
        loop {
            // Not with every change of the fleet: there are many, and as many who wait here.
            sleep(LOOK).await;
            if let Err(error) = self.check_admitted() {
                return error;
            }
        }
    }

    /// Whether `candidate` is a key for this gateway, good or not: no guest is shown it.
    pub(crate) fn is_key(&self, candidate: &[u8]) -> bool {
        Secret::parse(candidate).is_some() || self.operator(candidate).is_some()
    }

    fn standing_of(&self, secret: &Secret) -> Known {
        let hash = self.tokens().key_hash(secret.as_str());
        let now = Timestamp::now();
        self.fleet().read(|fleet| match fleet.key(&hash) {
            Some((tenant, held)) if held.admits(now) => Known::Good(Arc::new(caller(tenant, held))),
            Some(_) => Known::Over,
            None => Known::Unknown,
        })
    }
}

fn caller(tenant: &TenantId, held: &Held) -> Caller {
    Caller {
        tenant: tenant.clone(),
        scope: held.key.scope,
        principal: format!("key:{}", held.key.id),
        key: Some(held.key.id.clone()),
    }
}

fn nobody() -> ApiError {
    let message = "the API key admits nobody: it is mistyped, revoked or past its time";
    ApiError::new(Code::Unauthorized, message)
}
