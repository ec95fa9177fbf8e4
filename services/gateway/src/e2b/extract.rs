//! What E2B's requests carry: a sandbox's id in two forms, bodies that may be absent.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use roost_schemas::SandboxId;
use serde::de::DeserializeOwned;

use crate::body;
use crate::error::ApiError;
use crate::extract::{check_content_type, parse};

/// The sandbox that a path names, as `<id>` or as old clients write it: `<id>-<client>`.
#[derive(Debug)]
pub(super) struct Id(pub(super) SandboxId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        id(&text).map(Self)
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

/// A body in JSON that may be left out.
#[derive(Debug)]
pub(super) struct OptionalBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        // A chunked body declares no length: only its end tells whether there is one.
        let bytes = body::read(body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        check_content_type(&parts.headers)?;
        parse(&bytes).map(Self)
    }
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
