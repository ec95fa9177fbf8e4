//! What has happened in a world: the last steps in words, and all of them in a hash.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Lines that are kept as a rule.
pub const LAST: usize = 60;

/// The trace of one run. Two runs of a seed have the same.
#[derive(Debug, Clone)]
pub struct Trace {
    kept: usize,
    lines: VecDeque<String>,
    // With fixed keys, so that it is the same in every process.
    hasher: DefaultHasher,
}

impl Trace {
    /// One that keeps so many of its last lines.
    pub fn keeping(kept: usize) -> Self {
        Self {
            kept,
            lines: VecDeque::new(),
            hasher: DefaultHasher::new(),
        }
    }

    /// Adds what happened.
    pub fn add(&mut self, line: String) {
        line.hash(&mut self.hasher);
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The last lines.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// All lines in a number.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
