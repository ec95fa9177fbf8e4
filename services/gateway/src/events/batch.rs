//! Some commits in a row, in the bytes that their readers get: made once, shared by all.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use roost_domain::fleet::Fleet;
use roost_schemas::Sequence;

use super::frame::{Frame, Frames, closing};
use super::pick::Pick;
use super::socket::text_frame;
use super::sse::sse_frame;

/// In which form a reader gets frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Messages of a WebSocket.
    Socket,
    /// Server-sent events.
    Sse,
}

impl Form {
    fn write(self, sequence: Sequence, kind: &str, text: &str, last: bool, to: &mut BytesMut) {
        match self {
            Self::Socket => text_frame(text, to),
            Self::Sse => sse_frame(last.then_some(sequence), Some(kind), text, to),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Batch {
    commits: Vec<Frames>,
    socket: OnceLock<Encoded>,
    sse: OnceLock<Encoded>,
}

/// All frames of a batch, one after another.
#[derive(Debug)]
struct Encoded {
    bytes: Bytes,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Encoded {
    fn range(&self, index: usize) -> Range<usize> {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        begin..self.ends[index]
    }
}

impl Batch {
    pub(super) fn new(commits: Vec<Frames>) -> Self {
        Self {
            commits,
            socket: OnceLock::new(),
            sse: OnceLock::new(),
        }
    }

    /// Where its last commit stands.
    pub(super) fn last(&self) -> Sequence {
        self.commits.last().map_or(Sequence(0), |commit| commit.sequence)
    }

    /// Bytes of its texts.
    pub(super) fn size(&self) -> usize {
        let frames = self.commits.iter().flat_map(|commit| &commit.events);
        frames.map(|frame| frame.text.len()).sum()
    }

    /// What `pick` admits of the commits after `after`, in as few pieces as can be: what stands side by side is one.
    /// `fleet` tells the labels.
    pub(super) fn told(&self, form: Form, after: Sequence, pick: &Pick, fleet: Option<&Fleet>) -> Vec<Bytes> {
        let encoded = self.encoded(form);
        let mut told = Pieces::new(&encoded.bytes);
        let mut index = 0;
        for commit in &self.commits {
            let first = index;
            index += commit.events.len();
            let labelled = fleet.is_none_or(|fleet| pick.labelled(fleet, &commit.subject));
            if commit.sequence <= after || !pick.admits(&commit.subject) || !labelled {
                continue;
            }
            if pick.kinds.is_empty() {
                told.join(encoded.range(first).start..encoded.range(index - 1).end);
                continue;
            }
            let wanted = |frame: &&(usize, &Frame)| pick.admits_kind(&frame.1.kind);
            let all: Vec<_> = commit.events.iter().enumerate().collect();
            let Some(last) = all.iter().rfind(wanted).map(|(at, _)| *at) else {
                continue;
            };
            for (at, frame) in all.iter().filter(wanted) {
                if *at == last && last + 1 < commit.events.len() {
                    let mut alone = BytesMut::new();
                    form.write(
                        commit.sequence,
                        &frame.kind,
                        &closing(&frame.text),
                        true,
                        &mut alone,
                    );
                    told.apart(alone.freeze());
                } else {
                    told.join(encoded.range(first + at));
                }
            }
        }
        told.done()
    }

    fn encoded(&self, form: Form) -> &Encoded {
        let cell = match form {
            Form::Socket => &self.socket,
            Form::Sse => &self.sse,
        };
        cell.get_or_init(|| {
            let mut bytes = BytesMut::with_capacity(self.size() + 16 * self.commits.len());
            let mut ends = Vec::new();
            for commit in &self.commits {
                for (at, frame) in commit.events.iter().enumerate() {
                    let last = at + 1 == commit.events.len();
                    form.write(commit.sequence, &frame.kind, &frame.text, last, &mut bytes);
                    ends.push(bytes.len());
                }
            }
            let bytes = bytes.freeze();
            Encoded { bytes, ends }
        })
    }
}

/// Pieces of shared bytes, joined where they meet.
struct Pieces<'a> {
    whole: &'a Bytes,
    open: Range<usize>,
    done: Vec<Bytes>,
}

impl<'a> Pieces<'a> {
    fn new(whole: &'a Bytes) -> Self {
        Self {
            whole,
            open: 0..0,
            done: Vec::new(),
        }
    }

    fn join(&mut self, piece: Range<usize>) {
        if self.open.end == piece.start {
            self.open.end = piece.end;
        } else {
            self.flush();
            self.open = piece;
        }
    }

    fn apart(&mut self, piece: Bytes) {
        self.flush();
        self.done.push(piece);
    }

    fn flush(&mut self) {
        if !self.open.is_empty() {
            self.done.push(self.whole.slice(self.open.clone()));
        }
        self.open = self.open.end..self.open.end;
    }

    fn done(mut self) -> Vec<Bytes> {
        self.flush();
        self.done
    }
}
