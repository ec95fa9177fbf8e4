//! `/files`: contents of files over plain HTTP, as E2B's agent serves them.
//!
//! ```text
//! GET, HEAD /files?path&username&signature&signature_expiration    one regular file: Range, gzip, ETag
//! POST      /files?…                                               multipart with many files, or octet-stream with `path`
//! POST      /files/compose                                         several files become one
//! ```
//!
//! A file is written in place and not beside and renamed: it keeps its inode, mode and links, watchers see a `write` under
//! its own name, as E2B's users expect, and the disk need not hold it twice. The price is that a reader may see it half
//! written. An upload that breaks off takes back what it can: the file it made is removed, one that was there is emptied;
//! one that is announced larger than the disk has room touches nothing.
//!
//! Only regular files are read and written. Others are not even opened: they may block, never end, or act.

mod answer;
mod compose;
mod conditions;
mod download;
mod encoding;
mod form;
mod incoming;
mod media_type;
mod opening;
mod query;
mod range;
mod reading;
mod refusal;
mod signature;
#[cfg(test)]
mod tests;
mod upload;
mod writing;

use std::path::Path;

use http::{Method, Request, Response};

use super::actor::Actor;
use super::http::{Body, not_allowed};
use super::settings::{Settings, Store};
use query::Query;
use refusal::Refusal;
use signature::Operation;

/// Answers a request for `/files`, which admits itself: by the access token or by a signature in the query.
pub(super) async fn answer(request: Request<Body>, store: &Store) -> Response<Body> {
    let operation = match *request.method() {
        Method::GET | Method::HEAD => Operation::Read,
        Method::POST => Operation::Write,
        _ => return not_allowed("GET, HEAD, POST"),
    };
    serve(request, operation, &store.current())
        .await
        .unwrap_or_else(Refusal::into_response)
}

async fn serve(
    request: Request<Body>,
    operation: Operation,
    settings: &Settings,
) -> Result<Response<Body>, Refusal> {
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    let token = settings.access_token.as_deref();
    signature::admit(token, &head.headers, &query, operation)?;
    let actor = Actor::find(Path::new("/"), query.username.clone(), settings)?;
    match operation {
        Operation::Read => download::run(&head, &actor, &query).await,
        Operation::Write => upload::run(&head.headers, body, &actor, &query).await,
    }
}

/// Answers a request for `/files/compose`, which the access token has admitted.
pub(super) async fn compose(request: Request<Body>, store: &Store) -> Response<Body> {
    if request.method() != Method::POST {
        return not_allowed("POST");
    }
    compose::run(request, &store.current())
        .await
        .unwrap_or_else(Refusal::into_response)
}
