//! `GET /health`: whether reads show the log as it is.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::dto::health::{Health, Status};
use crate::error::HealthErrors;
use crate::state::Gateway;

/// How long the log may take to tell its end, and the projection to reach it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ask how the gateway is
///
/// Needs no key. It is well if the log answers, and its end is reached by this gateway's projection within 2 s.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "gateway",
    security(()),
    responses(
        (status = 200, description = "It is well.", body = Health),
        (status = 503, description = "It is not; do not send it requests.", body = Health),
        HealthErrors,
    )
)]
pub(crate) async fn health(State(gateway): State<Gateway>) -> Response {
    let health = examine(&gateway).await;
    let status = if health.status == Status::Ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health)).into_response()
}

async fn examine(gateway: &Gateway) -> Health {
    let fleet = gateway.fleet();
    let found = |status, head, message| Health {
        status,
        sequence: fleet.applied().0,
        head,
        message,
    };
    if let Some(alarm) = fleet.alarm() {
        return found(Status::Stopped, None, Some(alarm.to_string()));
    }
    let head = match tokio::time::timeout(PATIENCE, gateway.ports().journal.head()).await {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => return found(Status::LogUnavailable, None, Some(error.to_string())),
        Err(_) => {
            let message = format!("the event log did not tell its end within {PATIENCE:?}");
            return found(Status::LogUnavailable, None, Some(message));
        }
    };
    if fleet.wait_for(head, PATIENCE).await {
        let unreadable = fleet.read(|fleet| fleet.all_unreadable().count());
        let message = format!("{unreadable} subjects stand still, because they cannot be read: see /v1/log");
        return found(Status::Ok, Some(head.0), (unreadable > 0).then_some(message));
    }
    match fleet.alarm() {
        Some(alarm) => found(Status::Stopped, Some(head.0), Some(alarm.to_string())),
        None => found(
            Status::Behind,
            Some(head.0),
            Some(format!("the end was not reached within {PATIENCE:?}")),
        ),
    }
}
