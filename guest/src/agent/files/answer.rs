//! What is said about files that were written.

use std::path::Path;

use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde::Serialize;

use crate::agent::http::{Body, boxed};
use crate::agent::metadata::Metadata;

/// One file, as E2B's `EntryInfo`.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    path: String,
    name: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
}

impl Entry {
    /// `metadata` is what the file really has: not every file system keeps it.
    pub(super) fn new(path: &Path, metadata: Metadata) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            r#type: "file",
            metadata,
        }
    }
}

/// 200, with `answer` as JSON.
pub(super) fn json(answer: &impl Serialize) -> Response<Body> {
    // Strings only: this cannot fail.
    let text = serde_json::to_vec(answer).unwrap_or_default();
    let mut response = Response::new(boxed(Full::from(text)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
