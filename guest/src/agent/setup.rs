//! `POST /init`: what the host tells a sandbox after it booted or was restored.
//!
//! With `restored` the guest becomes another (see [`restore`]) before it answers; without it only its settings change.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use buffa_types::google::protobuf::Timestamp;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use roost_schemas::metadata::Metadata;
use serde::Deserialize;
use thiserror::Error;

use super::auth;
use super::clock::HostTime;
use super::http::{Body, MAX_BODY, empty, refusal};
use super::identity;
use super::mmds::{Denied, Doorkeeper};
use super::rest::Rest;
use super::restore::{self, Identity, RestoreError};
use super::settings::{Change, Store};
use super::trace;
use crate::log::say;

/// The body: E2B's, and `audit` and `restored`, which are ours. Fields of E2B's that mean nothing here are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Init {
    access_token: Option<String>,
    env_vars: Option<BTreeMap<String, String>>,
    timestamp: Option<Timestamp>,
    default_user: Option<String>,
    default_workdir: Option<String>,
    audit: Option<bool>,
    restored: Option<Identity>,
}

/// What the body asks for.
#[derive(Debug)]
struct Order {
    change: Change,
    restored: Option<Identity>,
}

/// Why the body is refused.
#[derive(Debug, Error)]
enum BodyError {
    #[error("the body is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// The clock of a restored guest and the token of the sandbox it comes from must not stay.
    #[error("a restored sandbox needs a {0}")]
    Incomplete(&'static str),
}

/// Applies the settings and corrects the clock: 204, also when a later request was here first. A restored guest is
/// another one by then; 500 when it could not become one, and its users' programs stand still.
pub(super) async fn answer(
    request: Request<Body>,
    peer: SocketAddr,
    store: &Arc<Store>,
    door: &Doorkeeper,
    rest: &Arc<Rest>,
) -> Response<Body> {
    let heard = Instant::now();
    let parent = trace::parent(request.headers());
    // The token that guards every other path is only set here, so what runs inside the sandbox must be kept out.
    if auth::is_inside(peer.ip()) {
        return refusal(StatusCode::FORBIDDEN, "only the host may initialise the sandbox");
    }
    let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body exceeds {MAX_BODY} bytes"),
            );
        }
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("the body broke off: {error}")),
    };
    let Order { mut change, restored } = match parse(&body) {
        Ok(order) => order,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let metadata = match door.admit(change.access_token.as_deref()).await {
        Ok(metadata) => metadata,
        Err(error) => return refusal(status(&error), &error.to_string()),
    };
    change
        .env
        .extend(metadata.as_ref().map(introduce).unwrap_or_default());
    let time = change.at.map(|told| HostTime { told, heard });
    let done = match (restored, time) {
        (Some(identity), Some(time)) => become_another(identity, time, change, peer, store, rest).await,
        (_, time) => adjust(change, time, store),
    };
    match done {
        Ok(()) => {
            if let Some(parent) = parent {
                say!("agent: told who it is (trace {})", parent.trace);
            }
            empty(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            say!("agent: {error}");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}

fn adjust(change: Change, time: Option<HostTime>, store: &Store) -> Result<(), RestoreError> {
    let is_latest = store.change(change).map_err(RestoreError::Settings)?;
    if is_latest && let Some(Err(error)) = time.map(HostTime::correct) {
        say!("agent: cannot set the clock: {error}");
    }
    Ok(())
}

async fn become_another(
    identity: Identity,
    time: HostTime,
    change: Change,
    host: SocketAddr,
    store: &Arc<Store>,
    rest: &Arc<Rest>,
) -> Result<(), RestoreError> {
    let (store, rest) = (Arc::clone(store), Arc::clone(rest));
    // In a task of its own: a host that gives up waiting must not leave it half done.
    let done = tokio::spawn(async move { restore::run(identity, time, change, host, &store, &rest).await });
    done.await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Tells programs which sandbox they run in: by files, and by variables, which go over a client's own.
fn introduce(metadata: &Metadata) -> BTreeMap<String, String> {
    let variables = identity::variables(metadata);
    if let Err(error) = identity::write(Path::new(identity::FOLDER), &variables) {
        say!("agent: cannot write {}: {error}", identity::FOLDER);
    }
    variables
}

fn status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Token => StatusCode::UNAUTHORIZED,
        Denied::Unreadable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Reads the body; an empty one changes nothing.
fn parse(body: &Bytes) -> Result<Order, BodyError> {
    let init: Init = if body.is_empty() {
        Init::default()
    } else {
        serde_json::from_slice(body)?
    };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let change = Change {
        access_token: filled(init.access_token),
        env: init.env_vars.unwrap_or_default(),
        default_user: filled(init.default_user),
        default_workdir: filled(init.default_workdir),
        audit: init.audit,
        at: init.timestamp.and_then(|timestamp| since_epoch(&timestamp)),
    };
    if init.restored.is_some() && change.at.is_none() {
        return Err(BodyError::Incomplete("timestamp"));
    }
    if init.restored.is_some() && change.access_token.is_none() {
        return Err(BodyError::Incomplete("accessToken"));
    }
    Ok(Order {
        change,
        restored: init.restored,
    })
}

/// `None` for a time before 1970, which no host means.
fn since_epoch(timestamp: &Timestamp) -> Option<SystemTime> {
    let seconds = u64::try_from(timestamp.seconds).ok()?;
    let nanos = u32::try_from(timestamp.nanos).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_e2bs_body() {
        let body = r#"{"accessToken":"t","envVars":{"A":"1"},"timestamp":"2026-01-02T03:04:05.5+01:00",
            "defaultUser":"user","defaultWorkdir":"","hyperloopIP":"10.0.0.1","volumeMounts":[]}"#;
        let Order { change, restored } = parse(&Bytes::from_static(body.as_bytes())).unwrap();
        assert!(restored.is_none());
        assert_eq!(change.access_token.as_deref(), Some("t"));
        assert_eq!(change.env["A"], "1");
        assert_eq!(change.default_workdir, None);
        let at = UNIX_EPOCH + Duration::from_millis(1_767_319_445_500);
        assert_eq!(change.at, Some(at));
    }

    #[test]
    fn an_empty_body_changes_nothing_and_a_wrong_one_is_refused() {
        assert!(parse(&Bytes::new()).unwrap().change.at.is_none());
        for wrong in ["[", "{\"envVars\":[]}", "{\"timestamp\":\"yesterday\"}"] {
            assert!(parse(&Bytes::from_static(wrong.as_bytes())).is_err(), "{wrong}");
        }
    }
    #[test]
    fn a_restored_guest_must_be_told_the_time_and_a_token() {
        let identity = format!(
            r#"{{"hostname":"sb1","machineId":"{}","entropy":"{}"}}"#,
            "1".repeat(32),
            "A".repeat(64)
        );
        let read = |others: &str| parse(&format!(r#"{{"restored":{identity}{others}}}"#).into());
        let (time, token) = (r#","timestamp":"2026-01-02T03:04:05Z""#, r#","accessToken":"t""#);
        assert!(read(&format!("{time}{token}")).unwrap().restored.is_some());
        for missing in [
            time,
            token,
            "",
            r#","accessToken":"","timestamp":"2026-01-02T03:04:05Z""#,
        ] {
            assert!(
                matches!(read(missing), Err(BodyError::Incomplete(_))),
                "{missing}"
            );
        }
    }
}
