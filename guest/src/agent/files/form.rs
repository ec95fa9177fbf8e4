//! Uploads as a multipart form: every part named `file` is a file, whose path is in the query or in the part's `filename`.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::ready;
use futures::{Stream, TryStreamExt};
use multer::{Field, Multipart};

use super::answer::Entry;
use super::incoming::Incoming;
use super::refusal::Refusal;
use super::upload;
use super::writing::Order;
use crate::agent::actor::Actor;
use crate::agent::metadata::Metadata;

/// Most files of one request.
const MOST_FILES: usize = 10_000;

/// Most bytes that may come without a part's beginning or a piece of its content: what precedes the first boundary, and
/// the parts' headers. The parser holds them in memory. A piece is as large as what the connection reads at once.
const MOST_HEADERS: usize = 1 << 20;

/// Longest boundary, RFC 2046 section 5.1.1.
const LONGEST_BOUNDARY: usize = 70;

/// What applies to every file of the form.
pub(super) struct Form<'a> {
    pub(super) actor: &'a Actor,
    /// Where the only file goes.
    pub(super) path: Option<&'a str>,
    /// Size of the whole body.
    pub(super) announced: Option<u64>,
    pub(super) metadata: Metadata,
}

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Result<String, Refusal> {
    match multer::parse_boundary(content_type) {
        Ok(boundary) if (1..=LONGEST_BOUNDARY).contains(&boundary.len()) => Ok(boundary),
        Ok(_) => Err(Refusal::Invalid(format!(
            "a multipart boundary has 1 to {LONGEST_BOUNDARY} characters"
        ))),
        Err(error) => Err(Refusal::Invalid(format!(
            "content type {content_type:?}: {error}"
        ))),
    }
}

impl Form<'_> {
    /// Writes the files as they come. Those that came before a failure stay.
    pub(super) async fn receive(
        &self,
        incoming: &mut Incoming,
        boundary: String,
    ) -> Result<Vec<Entry>, Refusal> {
        let (paced, unread) = Paced::new(incoming);
        let mut form = Multipart::new(paced, boundary);
        let mut paths = HashSet::new();
        let mut entries = Vec::new();
        while let Some(part) = form.next_field().await.map_err(refusal)? {
            unread.store(0, Ordering::Relaxed);
            if part.name() != Some("file") {
                pieces(part, &unread).try_for_each(|_| ready(Ok(()))).await?;
                continue;
            }
            let path = self.actor.resolve(self.asked(&part)?)?;
            let pieces = pieces(part, &unread);
            if !paths.insert(path.clone()) {
                return Err(Refusal::Invalid(format!(
                    "two parts of the upload are for '{}'; the first was written",
                    path.display()
                )));
            }
            if paths.len() > MOST_FILES {
                return Err(Refusal::Invalid(format!(
                    "one upload has at most {MOST_FILES} files; these were written"
                )));
            }
            // Of several files one cannot be told how large it will be.
            let announced = self.path.and(self.announced);
            let order = Order {
                path,
                user: self.actor.user.clone(),
                announced,
                metadata: self.metadata.clone(),
            };
            entries.push(upload::write(order, pieces).await?);
        }
        Ok(entries)
    }

    fn asked<'p>(&'p self, part: &'p Field<'_>) -> Result<&'p str, Refusal> {
        self.path.or_else(|| part.file_name()).ok_or_else(|| {
            Refusal::Invalid("neither the query has a `path` nor the part a `filename`".into())
        })
    }
}

/// The pieces of a part's content, as the parser finds them.
fn pieces<'a>(
    part: Field<'a>,
    unread: &'a AtomicUsize,
) -> impl Stream<Item = Result<Bytes, Refusal>> + Unpin + 'a {
    part.map_err(refusal)
        .inspect_ok(|_| unread.store(0, Ordering::Relaxed))
}

/// What stopped the parser: our own refusal to feed it, or what it was fed.
fn refusal(error: multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Refusal>() {
            Ok(refusal) => *refusal,
            Err(cause) => Refusal::Broken(cause.to_string()),
        },
        error => Refusal::Broken(format!("multipart: {error}")),
    }
}

/// Feeds the parser one chunk at a time. It would otherwise take all there is before it looks at any of it.
struct Paced<'a> {
    incoming: &'a mut Incoming,
    /// Bytes that the parser took and gave nothing for.
    unread: Arc<AtomicUsize>,
    rests: bool,
}

impl<'a> Paced<'a> {
    fn new(incoming: &'a mut Incoming) -> (Self, Arc<AtomicUsize>) {
        let unread = Arc::new(AtomicUsize::new(0));
        let paced = Self {
            incoming,
            unread: Arc::clone(&unread),
            rests: false,
        };
        (paced, unread)
    }
}

impl Stream for Paced<'_> {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.incoming.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            self.rests = true;
            if self.unread.fetch_add(chunk.len(), Ordering::Relaxed) > MOST_HEADERS {
                return Poll::Ready(Some(Err(Refusal::Invalid(format!(
                    "multipart: more than {MOST_HEADERS} bytes of headers, or before the first part"
                )))));
            }
        }
        next
    }
}

#[cfg(test)]
mod tests;
