//! `GET /templates`, `GET /v2/templates` and `GET /templates/aliases/{alias}`: what sandboxes can start from.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use roost_domain::fleet::Fleet;
use roost_schemas::Sequence;
use serde::Serialize;
use utoipa::ToSchema;

use super::dto::template::{Template, name};
use super::errors::{ListErrors, ReadErrors};
use super::openapi::TAG;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// List templates, as old clients do
#[utoipa::path(
    get,
    path = "/templates",
    operation_id = "e2b_list_templates_v1",
    tag = TAG,
    responses(
        (status = 200, description = "All of them.", body = Vec<Template>),
        ListErrors
    )
)]
pub(super) async fn v1(gateway: Gateway) -> Result<Json<Vec<Template>>, ApiError> {
    list(&gateway).await
}

/// List templates
#[utoipa::path(
    get,
    path = "/v2/templates",
    operation_id = "e2b_list_templates",
    tag = TAG,
    responses(
        (status = 200, description = "All of them.", body = Vec<Template>),
        ListErrors
    )
)]
pub(super) async fn v2(gateway: Gateway) -> Result<Json<Vec<Template>>, ApiError> {
    list(&gateway).await
}

/// All of them on one page: there are as many as somebody has registered or made by hand.
async fn list(gateway: &Gateway) -> Result<Json<Vec<Template>>, ApiError> {
    gateway.reach(Sequence::default()).await?;
    let all = |fleet: &Fleet| Template::all(fleet, gateway.tenant());
    Ok(Json(gateway.fleet().read(all)))
}

/// That a template exists.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bTemplateAlias)]
pub(super) struct Alias {
    #[serde(rename = "templateID")]
    template_id: String,
    /// Whether everybody may start from it; a snapshot is its tenant's own.
    public: bool,
}

/// Ask whether a template exists
#[utoipa::path(
    get,
    path = "/templates/aliases/{alias}",
    operation_id = "e2b_get_template_alias",
    tag = TAG,
    params(("alias" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "It does.", body = Alias),
        ReadErrors
    )
)]
pub(super) async fn alias(
    gateway: Gateway,
    alias: Result<Path<String>, PathRejection>,
) -> Result<Json<Alias>, ApiError> {
    let Path(alias) = alias.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let name = name("alias", &alias)?;
    gateway.reach(Sequence::default()).await?;
    let public = gateway.fleet().read(|fleet| {
        let view = fleet.template(gateway.tenant(), &name)?;
        Some(view.state.registered.is_some())
    });
    let Some(public) = public else {
        let message = format!("there is no template {name}; GET /templates lists them");
        return Err(ApiError::new(Code::NotFound, message));
    };
    Ok(Json(Alias {
        template_id: name.to_string(),
        public,
    }))
}
