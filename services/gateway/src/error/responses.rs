//! The failures that each kind of route documents, written from [`Code`] so that document and behaviour agree.

use std::collections::BTreeMap;

use utoipa::openapi::{Content, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema};

use super::Code;

pub(crate) type Responses = BTreeMap<String, RefOr<Response>>;

/// What any route behind the key may answer.
pub(crate) const ANY: &[Code] = &[
    Code::InvalidRequest,
    Code::Unauthorized,
    Code::PermissionDenied,
    Code::MethodNotAllowed,
    Code::PayloadTooLarge,
    Code::NoCapacity,
    Code::LimitExceeded,
    Code::Internal,
    Code::Unavailable,
];
/// What any read that shows the log may answer besides.
const READ: &[Code] = &[Code::SequenceAhead];
/// What any write may answer besides; one with a body also [`BODY`].
pub(crate) const WRITE: &[Code] = &[
    Code::NotFound,
    Code::Conflict,
    Code::InvalidState,
    Code::SandboxEnded,
    Code::DeadlineExceeded,
];
/// What a write with a body may answer besides.
pub(crate) const BODY: &[Code] = &[Code::UnsupportedMediaType, Code::RequestTimeout];

/// What may go wrong while a paused sandbox is resumed for a request.
pub(crate) const WAKE: &[Code] = &[Code::ResumeFailed];

/// What any call to a sandbox's agent may answer besides.
const GUEST: &[Code] = &[
    Code::NotFound,
    Code::InvalidState,
    Code::SandboxEnded,
    Code::GuestRefused,
    Code::GuestUnreachable,
    Code::DeadlineExceeded,
];
/// What any call about files may answer besides.
const FILES: &[Code] = &[Code::AlreadyExists, Code::DiskFull];

fn describe(sets: &[&[Code]]) -> Responses {
    responses("ErrorBody", sets, |words| format!("`{}`", words.join("`, `")))
}

/// The failures of `sets` by their statuses, each with the body that the description calls `schema`, and with what `text`
/// makes of their words.
pub(crate) fn responses(schema: &str, sets: &[&[Code]], text: fn(&[String]) -> String) -> Responses {
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in sets.iter().copied().flatten() {
        by_status
            .entry(code.status().as_str().to_owned())
            .or_default()
            .push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, response(schema, &codes, text).into()))
        .collect()
}

fn response(schema: &str, codes: &[Code], text: fn(&[String]) -> String) -> Response {
    let words: Vec<_> = codes
        .iter()
        .filter_map(|code| Some(serde_json::to_value(code).ok()?.as_str()?.to_owned()))
        .collect();
    let body = Content::new(Some(Ref::from_schema_name(schema)));
    let mut response = ResponseBuilder::new()
        .description(text(&words))
        .content("application/json", body);
    if codes.iter().any(|code| code.retry_after().is_some()) {
        let seconds = header::<u64>("Seconds after which to try again.");
        response = response.header("Retry-After", seconds);
    }
    response.build()
}

/// A header of answers, described.
pub(crate) fn header<T: PartialSchema>(text: &str) -> Header {
    let header = HeaderBuilder::new().schema(Some(T::schema()));
    header.description(Some(text)).build()
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident: $($set:expr),+;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                describe(&[$($set),+])
            }
        }
    )+};
}

errors! {
    /// Of lists.
    ListErrors: ANY, READ;
    /// Of reads about one sandbox.
    ReadErrors: ANY, READ, &[Code::NotFound];
    /// Of a delete.
    DeleteErrors: ANY, WRITE;
    /// Of writes with a body.
    WriteErrors: ANY, WRITE, BODY;
    /// Of a create.
    CreateErrors: ANY, WRITE, BODY, &[Code::SandboxFailed];
    /// Of an exec.
    ExecErrors: ANY, WRITE, BODY, WAKE, &[Code::CommandNotStarted, Code::ProcessLost];
    /// Of a pause.
    PauseErrors: ANY, WRITE, &[Code::PauseFailed];
    /// Of a resume.
    ResumeErrors: ANY, WRITE, BODY, WAKE;
    /// Of what takes a snapshot.
    SnapshotErrors: ANY, WRITE, BODY, &[Code::SnapshotFailed];
    /// Of calls about programs.
    ProcessErrors: ANY, BODY, GUEST, WAKE;
    /// Of calls about files.
    FileErrors: ANY, BODY, GUEST, WAKE, FILES, &[Code::RangeNotSatisfiable];
    /// Of events, as a page or before they are a stream.
    EventErrors: ANY, READ, &[Code::NotFound];
    /// Of a WebSocket, before it is one.
    StreamErrors: ANY, &[Code::NotFound];
    /// Of the routes that need no key.
    HealthErrors: &[Code::MethodNotAllowed, Code::PayloadTooLarge, Code::Internal];
    /// Of those of them that name something.
    PageErrors: &[Code::NotFound, Code::MethodNotAllowed, Code::PayloadTooLarge, Code::Internal];
}
