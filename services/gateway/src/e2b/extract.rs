//! A sandbox's id as E2B's requests carry it: in two forms.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use roost_schemas::SandboxId;

use crate::error::ApiError;
use crate::state::Gateway;

/// The sandbox that a path names, as `<id>` or as old clients write it: `<id>-<client>`.
#[derive(Debug)]
pub(super) struct Id(pub(super) SandboxId);

impl FromRequestParts<Gateway> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, gateway).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        let id = id(&text)?;
        gateway.check_readable(&id)?;
        Ok(Self(id))
    }
}

/// Reads an id in either form.
pub(super) fn id(text: &str) -> Result<SandboxId, ApiError> {
    let short = match text.split_once('-') {
        Some((short, client)) if !client.contains('-') => short,
        _ => text,
    };
    SandboxId::new(short).map_err(|error| ApiError::invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_with_and_without_its_client() {
        assert_eq!(id("sb1").unwrap().as_str(), "sb1");
        assert_eq!(id("sb1-6532622b").unwrap().as_str(), "sb1");
        for bad in ["", "-", "-a", "a-b-c", "A", "a.b", "é"] {
            assert!(id(bad).is_err(), "{bad:?}");
        }
    }
}
