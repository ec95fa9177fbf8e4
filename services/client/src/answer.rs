//! What the gateway answers, and what it refuses.

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An answer with another status than was hoped for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Its status.
    pub status: StatusCode,
    /// Why, in a word, as the gateway documents it; none if the body has not that shape.
    pub code: Option<String>,
    /// What was wrong and what to do; the status and the whole body if it has not that shape.
    pub message: String,
}

/// No answer came: the gateway is away, or the way to it. What went wrong is its cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub(crate) String);

/// The documented body of a failed request.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
}

impl Answer {
    /// The answer, if it has this status; else a [`Refused`].
    pub fn expect(self, status: StatusCode) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(self.refused().into())
    }

    /// The answer, if it is a success; else a [`Refused`].
    pub fn accepted(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(self.refused().into())
    }

    /// The body as JSON, if the answer has this status.
    pub fn read<T: DeserializeOwned>(self, status: StatusCode) -> Result<T> {
        self.expect(status)?.json()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("not the expected JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The `code` of an error body, if it has the documented shape.
    pub fn error_code(&self) -> Option<String> {
        self.error().map(|error| error.code)
    }

    fn error(&self) -> Option<ErrorDetail> {
        let ErrorBody { error } = serde_json::from_slice(&self.body).ok()?;
        (!error.message.is_empty()).then_some(error)
    }

    /// What it refuses, if it is no success.
    pub fn refused(&self) -> Refused {
        let (code, message) = match self.error() {
            Some(ErrorDetail { code, message }) => (Some(code), message),
            None => (
                None,
                format!("{}: {}", self.status, String::from_utf8_lossy(&self.body)),
            ),
        };
        Refused {
            status: self.status,
            code,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    #[test]
    fn a_refusal_has_the_gateways_words() {
        let answer = answer(404, r#"{"error":{"code":"not_found","message":"there is none"}}"#);
        let error = answer.accepted().unwrap_err();
        assert_eq!(error.to_string(), "there is none");
        let refused: &Refused = error.downcast_ref().unwrap();
        assert_eq!(refused.code.as_deref(), Some("not_found"));
    }

    #[test]
    fn what_is_not_the_gateways_is_shown_whole() {
        let error = answer(502, "<html>bad</html>").accepted().unwrap_err();
        assert_eq!(error.to_string(), "502 Bad Gateway: <html>bad</html>");
        assert_eq!(
            answer(400, r#"{"error":{"code":"x","message":""}}"#).error_code(),
            None
        );
        assert!(answer(200, "[").json::<Vec<u8>>().is_err());
    }
}
