//! `GET /v1/log`: how this gateway has read the log.

use axum::http::StatusCode;
use axum::response::Response;
use roost_journal::projection::Projection;
use roost_runtime::fleet::FleetProjection;

use super::answer;
use crate::dto::log::{Log, Unreadable};
use crate::error::{ApiError, Code, ListErrors};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Ask how the log was read
///
/// For audits: it tells what reads come to, so that it can be compared with what the log itself comes to, and what cannot
/// be read. It reads all that this gateway holds, which takes a moment.
#[utoipa::path(
    get,
    path = "/v1/log",
    operation_id = "log",
    tag = "gateway",
    responses((status = 200, description = "What reads come to.", body = Log), ListErrors)
)]
pub(crate) async fn log(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let fleet = gateway.fleet().clone();
    // It would keep other requests on this thread waiting.
    let read = tokio::task::spawn_blocking(move || {
        let (sequence, digest) = fleet.digest();
        let unreadable = fleet.read(|fleet| fleet.all_unreadable().map(Unreadable::from).collect());
        (sequence, digest, unreadable)
    });
    let (sequence, digest, unreadable) = read
        .await
        .map_err(|panic| ApiError::new(Code::Internal, panic.to_string()))?;
    let body = Log {
        sequence: sequence.0,
        digest: digest.to_string(),
        layout: FleetProjection::VERSION,
        unreadable,
    };
    Ok(answer(StatusCode::OK, sequence, body))
}
