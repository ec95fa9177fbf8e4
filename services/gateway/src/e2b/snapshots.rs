//! `POST /sandboxes/{id}/snapshots`, `GET /snapshots` and `DELETE /templates/{id}`: templates that are made from sandboxes.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use roost_schemas::{SandboxId, Sequence, TemplateName};
use serde::{Deserialize, Serialize};

use super::dto::template::name;
use super::extract::{self, Id};
use super::pause::refuse_without_memory;
use crate::error::ApiError;
use crate::extract::{OptionalBody, Pairs, number};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Entries a page has at most, and when its reader names no limit.
const PAGE: usize = 100;
/// In answers: what to send as `nextToken` for the next page; absent on the last one.
const NEXT_TOKEN: HeaderName = HeaderName::from_static("x-next-token");

/// What the template is to be.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    memory: Option<bool>,
}

/// E2B's `SnapshotInfo`.
#[derive(Debug, Serialize)]
pub(super) struct Info {
    /// What a create names as its template.
    #[serde(rename = "snapshotID")]
    id: String,
    names: [String; 1],
}

impl Info {
    fn of(name: &TemplateName) -> Self {
        Self {
            id: name.to_string(),
            names: [name.to_string()],
        }
    }
}

/// A name that is taken is a conflict: what stands under it would be gone.
pub(super) async fn create(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(request): OptionalBody<Request>,
) -> Result<(StatusCode, Json<Info>), ApiError> {
    refuse_without_memory(request.memory)?;
    let wanted = request.name.as_deref().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.map(|wanted| name("name", wanted)).transpose()?;
    gateway.visible(&id).await?;
    match gateway.save(&id, &key, wanted).await {
        Ok((saved, _)) => Ok((StatusCode::CREATED, Json(Info::of(&saved)))),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}

/// Page by page, in the order of their names.
pub(super) async fn list(gateway: Gateway, Pairs(pairs): Pairs) -> Result<Response, ApiError> {
    let query = Query::parse(pairs)?;
    gateway.reach(Sequence::default()).await?;
    let mut found: Vec<Info> = gateway.fleet().read(|fleet| {
        let templates = fleet.templates(gateway.tenant());
        let asked = templates.filter(|(name, view)| {
            let saved = view.state.saved.as_ref();
            saved.is_some_and(|saved| query.admits(name, &saved.sandbox))
        });
        asked
            .map(|(name, _)| Info::of(name))
            .take(query.limit + 1)
            .collect()
    });
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| [(NEXT_TOKEN, last.id.clone())]);
    Ok((next, Json(found)).into_response())
}

/// What a list is asked for. Pairs of other names are ignored, as E2B does.
struct Query {
    sandbox: Option<SandboxId>,
    name: Option<TemplateName>,
    limit: usize,
    after: Option<TemplateName>,
}

impl Query {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut query = Self {
            sandbox: None,
            name: None,
            limit: PAGE,
            after: None,
        };
        for (key, value) in pairs {
            match key.as_str() {
                "sandboxID" => query.sandbox = Some(extract::id(&value)?),
                "name" => query.name = Some(name("query name", &value)?),
                "limit" => query.limit = number(&key, &value, 1..=PAGE)?,
                "nextToken" if value.is_empty() => {}
                "nextToken" => query.after = Some(name("query nextToken", &value)?),
                _ => {}
            }
        }
        Ok(query)
    }

    fn admits(&self, name: &TemplateName, sandbox: &SandboxId) -> bool {
        self.sandbox.as_ref().is_none_or(|asked| asked == sandbox)
            && self.name.as_ref().is_none_or(|asked| asked == name)
            && self.after.as_ref().is_none_or(|after| name > after)
    }
}

/// What was made from it runs on. One that does not exist is not found, which SDKs tell as `false`.
pub(super) async fn delete(
    gateway: Gateway,
    key: CommandKey,
    template: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(template) = template.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    gateway
        .delete_template(&name("template", &template)?, &key)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
