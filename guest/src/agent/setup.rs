//! `POST /init`: what the host tells a sandbox after it booted or was restored.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa_types::google::protobuf::Timestamp;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use roost_schemas::metadata::Metadata;
use serde::Deserialize;

use super::auth;
use super::clock;
use super::http::{Body, MAX_BODY, empty, refusal};
use super::identity;
use super::mmds::{Denied, Doorkeeper};
use super::settings::{Change, Store};
use crate::log::say;

/// The body: E2B's, and `audit`, which is ours. Fields of E2B's that mean nothing here are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Init {
    access_token: Option<String>,
    env_vars: Option<BTreeMap<String, String>>,
    timestamp: Option<Timestamp>,
    default_user: Option<String>,
    default_workdir: Option<String>,
    audit: Option<bool>,
}

/// Applies the settings and corrects the clock: 204, also when a later request was here first.
pub(super) async fn answer(
    request: Request<Body>,
    peer: IpAddr,
    store: &Store,
    door: &Doorkeeper,
) -> Response<Body> {
    // The token that guards every other path is only set here, so what runs inside the sandbox must be kept out.
    if auth::is_inside(peer) {
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
    let mut change = match parse(&body) {
        Ok(change) => change,
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                &format!("the body is not valid: {error}"),
            );
        }
    };
    match door.admit(change.access_token.as_deref()).await {
        Ok(metadata) => change
            .env
            .extend(metadata.as_ref().map(introduce).unwrap_or_default()),
        Err(error) => return refusal(status(&error), &error.to_string()),
    }
    let host_time = change.at;
    match store.change(change) {
        Ok(true) => {}
        Ok(false) => return empty(StatusCode::NO_CONTENT),
        Err(error) => {
            let message = format!("cannot keep the settings: {error}");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, &message);
        }
    }
    if let Some(Err(error)) = host_time.map(clock::correct) {
        say!("agent: cannot set the clock: {error}");
    }
    empty(StatusCode::NO_CONTENT)
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
fn parse(body: &Bytes) -> serde_json::Result<Change> {
    let init: Init = if body.is_empty() {
        Init::default()
    } else {
        serde_json::from_slice(body)?
    };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Change {
        access_token: filled(init.access_token),
        env: init.env_vars.unwrap_or_default(),
        default_user: filled(init.default_user),
        default_workdir: filled(init.default_workdir),
        audit: init.audit,
        at: init.timestamp.and_then(|timestamp| since_epoch(&timestamp)),
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
        let change = parse(&Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(change.access_token.as_deref(), Some("t"));
        assert_eq!(change.env["A"], "1");
        assert_eq!(change.default_workdir, None);
        let at = UNIX_EPOCH + Duration::from_millis(1_767_319_445_500);
        assert_eq!(change.at, Some(at));
    }

    #[test]
    fn an_empty_body_changes_nothing_and_a_wrong_one_is_refused() {
        assert!(parse(&Bytes::new()).unwrap().at.is_none());
        for wrong in ["[", "{\"envVars\":[]}", "{\"timestamp\":\"yesterday\"}"] {
            assert!(parse(&Bytes::from_static(wrong.as_bytes())).is_err(), "{wrong}");
        }
    }
}
