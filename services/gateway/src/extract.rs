//! Extractors that fail as our errors: a JSON body, a path's names, a query's pairs.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use roost_schemas::{KeyId, SandboxId, Sequence, TemplateName, TenantId, WebhookId};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::body;
use crate::error::{ApiError, Code};
use crate::guest::Program;
use crate::sequence::MAX_SEQUENCE;
use crate::state::Gateway;

/// A body in JSON. What is wrong with it is told with the field's path.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        parse(&body::read(request.into_body()).await?).map(Self)
    }
}

/// A body in JSON that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalBody<T>(pub(crate) T);

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
        let given: Option<T> = parse(&bytes)?;
        Ok(Self(given.unwrap_or_default()))
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = given
        .as_deref()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let given = given.as_deref().unwrap_or("absent");
    Err(ApiError::new(
        Code::UnsupportedMediaType,
        format!("Content-Type is {given}: send application/json"),
    ))
}

/// Reads a body. JSON has one kind of number, so `1.0` is read wherever `1` is.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let as_it_is = parse_strictly(bytes);
    if as_it_is.is_ok() {
        return as_it_is;
    }
    let Ok(mut value) = serde_json::from_slice(bytes) else {
        return as_it_is;
    };
    if !whole_numbers(&mut value) {
        return as_it_is;
    }
    serde_json::from_value(value).or(as_it_is)
}

/// Writes numbers like `1.0` as `1`; whether there were any.
fn whole_numbers(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|text| text.parse::<i64>().ok());
            whole.map(|whole| *number = whole.into()).is_some()
        }
        // All of them are to be written anew, not only the first that can be.
        Value::Array(items) => items.iter_mut().map(whole_numbers).filter(|any| *any).count() > 0,
        Value::Object(fields) => fields.values_mut().map(whole_numbers).filter(|any| *any).count() > 0,
        _ => false,
    }
}

fn parse_strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner();
        match reason.classify() {
            serde_json::error::Category::Data if path == "." => ApiError::invalid(format!("body: {reason}")),
            serde_json::error::Category::Data => ApiError::invalid(format!("field {path:?}: {reason}")),
            _ => ApiError::invalid(format!("the body is not JSON: {reason}")),
        }
    })?;
    json.end()
        .map_err(|reason| ApiError::invalid(format!("the body is not one JSON value: {reason}")))?;
    Ok(value)
}

/// The sandbox that a path names. Nothing can be asked of one whose commits cannot be read.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) SandboxId);

impl FromRequestParts<Gateway> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, gateway).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        let id = SandboxId::new(text).map_err(|error| ApiError::invalid(error.to_string()))?;
        gateway.check_readable(&id)?;
        Ok(Self(id))
    }
}

/// The template that a path names.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) TemplateName);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        TemplateName::new(text)
            .map(Self)
            .map_err(|error| ApiError::invalid(error.to_string()))
    }
}

/// The tenant that a path names.
#[derive(Debug)]
pub(crate) struct TenantName(pub(crate) TenantId);

impl<S: Send + Sync> FromRequestParts<S> for TenantName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        TenantId::new(text)
            .map(Self)
            .map_err(|error| ApiError::invalid(error.to_string()))
    }
}

/// The key whose id a path has.
#[derive(Debug)]
pub(crate) struct KeyName(pub(crate) KeyId);

impl<S: Send + Sync> FromRequestParts<S> for KeyName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        KeyId::new(text)
            .map(Self)
            .map_err(|error| ApiError::invalid(error.to_string()))
    }
}

/// The webhook that a path names.
#[derive(Debug)]
pub(crate) struct WebhookName(pub(crate) WebhookId);

impl<S: Send + Sync> FromRequestParts<S> for WebhookName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        WebhookId::new(text)
            .map(Self)
            .map_err(|error| ApiError::invalid(error.to_string()))
    }
}

/// The webhook, and the place in the log, that a path names.
#[derive(Debug)]
pub(crate) struct InWebhook {
    pub(crate) id: WebhookId,
    pub(crate) sequence: Sequence,
}

impl<S: Send + Sync> FromRequestParts<S> for InWebhook {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, sequence)) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        let id = WebhookId::new(id).map_err(|error| ApiError::invalid(error.to_string()))?;
        match sequence.parse() {
            Ok(sequence @ 1..=MAX_SEQUENCE) => Ok(Self {
                id,
                sequence: Sequence(sequence),
            }),
            _ => Err(ApiError::invalid(format!(
                "{sequence:?} is no place in the log: use a sequence of the webhook's dead letters"
            ))),
        }
    }
}

/// The sandbox and the program in it that a path names.
#[derive(Debug)]
pub(crate) struct InSandbox {
    pub(crate) id: SandboxId,
    pub(crate) program: Program,
}

impl FromRequestParts<Gateway> for InSandbox {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, gateway).await;
        let Path((id, program)) = path.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        let id = SandboxId::new(id).map_err(|error| ApiError::invalid(error.to_string()))?;
        let program = Program::parse(&program)?;
        gateway.check_readable(&id)?;
        Ok(Self { id, program })
    }
}

/// A query's pairs, in order.
#[derive(Debug)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
        Ok(Self(pairs))
    }
}

/// A query's number within `range`.
pub(crate) fn number<N>(name: &str, text: &str, range: std::ops::RangeInclusive<N>) -> Result<N, ApiError>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(ApiError::invalid(format!(
            "query {name} is {text:?}: use a number from {} to {}",
            range.start(),
            range.end()
        ))),
    }
}

/// Of a query's pair that the route does not know.
pub(crate) fn unknown(name: &str, known: &str) -> ApiError {
    ApiError::invalid(format!("query {name:?} is not known here: use {known}"))
}
