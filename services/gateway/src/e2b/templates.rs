//! `GET /templates`, `GET /v2/templates` and `GET /templates/aliases/{alias}`: what sandboxes can start from.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use roost_schemas::{Sequence, TemplateName};
use serde::Serialize;

use super::dto::template::Template;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// All of them on one page: there are as many as somebody has registered or made by hand.
pub(super) async fn list(gateway: Gateway) -> Result<Json<Vec<Template>>, ApiError> {
    gateway.reach(Sequence::default()).await?;
    let all = gateway.fleet().read(|fleet| {
        let templates = fleet.templates(gateway.tenant());
        templates
            .filter_map(|(name, view)| Template::of(fleet, gateway.tenant(), name, view))
            .collect()
    });
    Ok(Json(all))
}

/// That a template exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alias {
    #[serde(rename = "templateID")]
    template_id: String,
    public: bool,
}

pub(super) async fn alias(
    gateway: Gateway,
    alias: Result<Path<String>, PathRejection>,
) -> Result<Json<Alias>, ApiError> {
    let Path(alias) = alias.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let name = TemplateName::new(&alias).map_err(|error| ApiError::invalid(error.to_string()))?;
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
