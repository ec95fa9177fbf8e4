//! Which commands took effect on an aggregate, and how each was answered, for as long as it lives.

use std::collections::BTreeMap;

use roost_schemas::{CommandId, Digest, Sequence};

/// What a command that took effect was answered, and is answered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Where its commit stands.
    pub sequence: Sequence,
    /// The aggregate's standing after it, in a word.
    pub standing: &'static str,
}

/// Bytes of an id's digest that are kept, instead of an id of up to 128: no two ids of one aggregate ever meet in as many.
const KEPT: usize = 16;

type Key = [u8; KEPT];

/// One entry of a few dozen bytes for each commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers(BTreeMap<Key, Answer>);

impl Answers {
    /// Remembers what `id` was answered. The first answer stays.
    pub(super) fn note(&mut self, id: &CommandId, answer: Answer) {
        self.0.entry(key(id)).or_insert(answer);
    }

    pub(super) fn get(&self, id: &CommandId) -> Option<Answer> {
        self.0.get(&key(id)).copied()
    }
}

fn key(id: &CommandId) -> Key {
    let digest = Digest::of(id.as_str().as_bytes());
    *digest
        .as_bytes()
        .first_chunk()
        .expect("a digest is longer than what is kept of it")
}
