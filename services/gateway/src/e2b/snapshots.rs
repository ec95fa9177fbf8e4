//! `POST /sandboxes/{id}/snapshots`, `GET /snapshots` and `DELETE /templates/{id}`: templates that are made from sandboxes.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use roost_schemas::{SandboxId, Sequence, TemplateName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::absent::always;
use super::dto::template::name;
use super::errors::{DeleteErrors, ListErrors, SnapshotErrors};
use super::extract::{self, Id};
use super::openapi::TAG;
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
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = E2bNewSnapshot)]
pub(super) struct Request {
    /// What it is to be called; absent or empty: a name that no other has.
    #[serde(default)]
    #[schema(pattern = "^([a-z0-9][a-z0-9_-]{0,62}(:default)?)?$", example = "warm-cache")]
    name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = always)]
    memory: Option<bool>,
}

/// A template that was made from a sandbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = E2bSnapshot)]
pub(super) struct Info {
    /// What a create names as its template.
    #[serde(rename = "snapshotID")]
    id: String,
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
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

/// Make a template of a sandbox
///
/// As it is now; it goes on. A name that is taken is a conflict: what stands under it would be gone. The body may be left
/// out.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/snapshots",
    operation_id = "e2b_create_snapshot",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<Request>,
    responses(
        (status = 201, description = "The template.", body = Info),
        SnapshotErrors
    )
)]
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

/// List templates that were made from sandboxes
///
/// Page by page, in the order of their names.
#[utoipa::path(
    get,
    path = "/snapshots",
    operation_id = "e2b_list_snapshots",
    tag = TAG,
    params(
        ("sandboxID" = Option<String>, Query, description = "Those of this sandbox."),
        ("name" = Option<String>, Query, description = "The one of this name."),
        ("limit" = Option<u16>, Query, description = "Entries of a page; 100 if absent."),
        ("nextToken" = Option<String>, Query, description = "The `X-Next-Token` of the page before."),
    ),
    responses(
        (status = 200, description = "A page.", body = Vec<Info>,
            headers(("X-Next-Token" = String, description = "The `nextToken` of the next page; absent on the last."))),
        ListErrors
    )
)]
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

/// Delete a template that was made from a sandbox
///
/// What was made from it runs on. One that does not exist is not found, which SDKs tell as `false`.
#[utoipa::path(
    delete,
    path = "/templates/{template}",
    operation_id = "e2b_delete_template",
    tag = TAG,
    params(("template" = String, Path, description = "Its name.")),
    responses(
        (status = 204, description = "It is gone."),
        DeleteErrors
    )
)]
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
