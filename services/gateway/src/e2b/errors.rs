//! E2B's errors: their shape, and those that each kind of its routes documents.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::create::SHOULD_RETRY;
use crate::error::responses::{ANY, BODY, Responses, WAKE, WRITE, header, responses};
use crate::error::{ApiError, Code};

/// The body of every failed request, and of every child that a fork could not make.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = E2bError)]
pub(super) struct Failure {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    code: u16,
    /// What was wrong, which value, what to do.
    message: String,
}

impl From<ApiError> for Failure {
    fn from(ApiError { code, message }: ApiError) -> Self {
        let code = code.status().as_u16();
        Self { code, message }
    }
}

fn describe(sets: &[&[Code]]) -> Responses {
    responses("E2bError", sets, |words| words.join(", ").replace('_', " "))
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident: $($set:expr),+;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                describe(&[$($set),+])
            }
        }
    )+};
}

errors! {
    /// Of lists.
    ListErrors: ANY;
    /// Of reads about one thing: a sandbox that does not run yet is not seen.
    ReadErrors: ANY, &[Code::NotFound, Code::InvalidState];
    /// Of a delete.
    DeleteErrors: ANY, WRITE;
    /// Of writes with a body.
    WriteErrors: ANY, WRITE, BODY;
    /// Of a pause.
    PauseErrors: ANY, WRITE, BODY, &[Code::PauseFailed];
    /// Of what lets a paused sandbox run again.
    ResumeErrors: ANY, WRITE, BODY, WAKE;
    /// Of what takes a snapshot.
    SnapshotErrors: ANY, WRITE, BODY, &[Code::SnapshotFailed];
}

/// Of a create.
pub(super) struct CreateErrors;

impl IntoResponses for CreateErrors {
    fn responses() -> Responses {
        let mut all = describe(&[ANY, WRITE, BODY, &[Code::SandboxFailed]]);
        let text = "`false` if a sandbox may have been made, and the request had no `Idempotency-Key`.";
        for code in [Code::Unavailable, Code::DeadlineExceeded] {
            if let Some(RefOr::T(response)) = all.get_mut(code.status().as_str()) {
                let told = header::<bool>(text).into();
                response.headers.insert(SHOULD_RETRY.to_string(), told);
            }
        }
        all
    }
}
