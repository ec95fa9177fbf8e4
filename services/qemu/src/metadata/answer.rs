//! What the guest is answered: pure. Status codes, headers and formats are those of Firecracker's MMDS at v1.16.1.

use super::{
    Metadata,
    tokens::{LIFETIMES, Tokens},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue},
};
use roost_engine::api::MmdsVersion;
use serde_json::Value;
use std::time::Instant;

/// Where tokens are got.
const TOKEN_PATH: &str = "/latest/api/token";

/// The token, by our name for it and by EC2's.
const TOKEN: [&str; 2] = ["x-metadata-token", "x-aws-ec2-metadata-token"];

/// The lifetime of a token in seconds, by our name for it and by EC2's.
const LIFETIME: [&str; 2] = [
    "x-metadata-token-ttl-seconds",
    "x-aws-ec2-metadata-token-ttl-seconds",
];

/// Present where a proxy passed the request on: no program of the guest's own, then, but whoever uses that proxy.
const FORWARDED: &str = "x-forwarded-for";

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A response with its whole body.
pub(super) type Answer = Response<Full<Bytes>>;

/// Answers `request` at `now`.
pub(super) fn answer<B>(request: &Request<B>, metadata: &Metadata, tokens: &Tokens, now: Instant) -> Answer {
    let path = squeeze(request.uri().path());
    match *request.method() {
        Method::GET => match admitted(request.headers(), metadata, tokens, now) {
            Ok(()) => document(&path, request.headers(), metadata),
            Err(why) => text(StatusCode::UNAUTHORIZED, why),
        },
        Method::PUT => token(&path, request.headers(), tokens, now),
        _ => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Not allowed HTTP method.");
            let allowed = HeaderValue::from_static("GET, PUT");
            answer.headers_mut().insert(ALLOW, allowed);
            answer
        }
    }
}

fn admitted(
    headers: &HeaderMap,
    metadata: &Metadata,
    tokens: &Tokens,
    now: Instant,
) -> Result<(), &'static str> {
    match (metadata.version, first(headers, &TOKEN)) {
        (MmdsVersion::V1, _) => Ok(()),
        (MmdsVersion::V2, None) => Err(
            "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to specify the \
             session token.",
        ),
        (MmdsVersion::V2, Some((_, token))) if token.to_str().is_ok_and(|token| tokens.admit(token, now)) => {
            Ok(())
        }
        (MmdsVersion::V2, Some(_)) => Err("MMDS token not valid."),
    }
}

fn token(path: &str, headers: &HeaderMap, tokens: &Tokens, now: Instant) -> Answer {
    if headers.contains_key(FORWARDED) {
        let why = format!("Invalid header. Reason: Unsupported header name. Key: {FORWARDED}");
        return text(StatusCode::BAD_REQUEST, why);
    }
    if path != TOKEN_PATH {
        return not_found(path);
    }
    let Some((name, value)) = first(headers, &LIFETIME) else {
        return text(
            StatusCode::BAD_REQUEST,
            "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or \
             `X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.",
        );
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let Ok(seconds) = value.parse() else {
        let why = format!("Invalid header. Reason: Invalid value. Key:{name}; Value:{value}");
        return text(StatusCode::BAD_REQUEST, why);
    };
    let Some(token) = tokens.issue(seconds, now) else {
        let (least, most) = (LIFETIMES.start(), LIFETIMES.end());
        let why = format!(
            "Invalid time to live value provided for token: {seconds}. Please provide a value between {least} and \
             {most}."
        );
        return text(StatusCode::BAD_REQUEST, why);
    };
    let mut answer = text(StatusCode::OK, token);
    answer
        .headers_mut()
        .insert(HeaderName::from_static(name), seconds.into());
    answer
}

fn document(path: &str, headers: &HeaderMap, metadata: &Metadata) -> Answer {
    // A JSON pointer (RFC 6901) does not end in a slash; the empty one is the whole document.
    let pointer = path.strip_suffix('/').unwrap_or(path);
    let Some(value) = metadata.document.pointer(pointer) else {
        return not_found(path);
    };
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| accept == JSON);
    if wants_json && !metadata.always_text {
        return with(StatusCode::OK, JSON, value.to_string());
    }
    match as_text(value) {
        Some(listing) => text(StatusCode::OK, listing),
        None => text(
            StatusCode::NOT_IMPLEMENTED,
            "Cannot retrieve value. The value has an unsupported type.",
        ),
    }
}

/// As EC2's service writes it: an object is the list of its keys, those of objects ending in a slash.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) => {
            let key = |(key, value): (&String, &Value)| match value {
                Value::Object(_) => format!("{key}/"),
                _ => key.clone(),
            };
            Some(map.iter().map(key).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    }
}

/// The path with every run of slashes made one.
fn squeeze(path: &str) -> String {
    let mut squeezed = String::with_capacity(path.len());
    for part in path.chars() {
        if part != '/' || !squeezed.ends_with('/') {
            squeezed.push(part);
        }
    }
    squeezed
}

/// The first of `names` that is there.
fn first<'a>(headers: &'a HeaderMap, names: &[&'static str]) -> Option<(&'static str, &'a HeaderValue)> {
    names
        .iter()
        .find_map(|name| headers.get(*name).map(|value| (*name, value)))
}

fn not_found(path: &str) -> Answer {
    text(StatusCode::NOT_FOUND, format!("Resource not found: {path}."))
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with(status, TEXT, body)
}

fn with(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests;
