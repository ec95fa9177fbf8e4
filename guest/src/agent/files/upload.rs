//! `POST /files`.

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, Response, header};

use super::answer::{self, Entry};
use super::encoding::{self, Encoding};
use super::form::{self, Form};
use super::incoming::{self, Incoming};
use super::query::Query;
use super::refusal::Refusal;
use super::writing::{self, Order};
use crate::agent::actor::Actor;
use crate::agent::blocking::blocking;
use crate::agent::http::Body;
use crate::agent::metadata::{self, Metadata};

/// What an upload is made of.
enum Kind {
    /// The body is the file.
    Raw,
    /// The body is a multipart form with this boundary.
    Form(String),
}

/// Writes the files of a request.
pub(super) async fn run(
    headers: &HeaderMap,
    body: Body,
    actor: &Actor,
    query: &Query,
) -> Result<Response<Body>, Refusal> {
    let encoding = encoding::of_body(headers);
    let announced = match &encoding {
        Ok(Encoding::Identity) => content_length(headers),
        _ => None,
    };
    let mut incoming = incoming::chunks(body, *encoding.as_ref().unwrap_or(&Encoding::Identity));
    let received = async {
        encoding?;
        let metadata = metadata::requested(headers)?;
        match kind(headers)? {
            Kind::Raw => raw(&mut incoming, actor, query, announced, metadata).await,
            Kind::Form(boundary) => {
                let form = Form {
                    actor,
                    path: query.path.as_deref(),
                    announced,
                    metadata,
                };
                form.receive(&mut incoming, boundary).await
            }
        }
    };
    match received.await {
        Ok(entries) => Ok(answer::json(&entries)),
        Err(refusal) => {
            tokio::spawn(incoming::linger(incoming));
            Err(refusal)
        }
    }
}

async fn raw(
    incoming: &mut Incoming,
    actor: &Actor,
    query: &Query,
    announced: Option<u64>,
    metadata: Metadata,
) -> Result<Vec<Entry>, Refusal> {
    let asked = query
        .path
        .as_deref()
        .ok_or_else(|| Refusal::Invalid("an octet-stream upload needs the query parameter `path`".into()))?;
    let order = Order {
        path: actor.resolve(asked)?,
        user: actor.user.clone(),
        announced,
        metadata,
    };
    Ok(vec![write(order, incoming).await?])
}

/// Writes a file and says what it has become.
pub(super) async fn write<S>(order: Order, chunks: S) -> Result<Entry, Refusal>
where
    S: Stream<Item = Result<Bytes, Refusal>> + Unpin,
{
    let path = writing::write(order, chunks).await?;
    Ok(blocking(move || Entry::new(&path, metadata::read(&path))).await)
}

fn kind(headers: &HeaderMap) -> Result<Kind, Refusal> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or(""));
    let essence = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/octet-stream" {
        return Ok(Kind::Raw);
    }
    if !essence.starts_with("multipart/") {
        return Err(Refusal::Invalid(format!(
            "content type {given:?} is not known here: send multipart/form-data or application/octet-stream"
        )));
    }
    form::boundary(given).map(Kind::Form)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
