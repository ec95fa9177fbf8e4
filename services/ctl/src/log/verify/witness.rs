//! Who has folded the log before, and what came of it.

use std::fmt;

use roost_journal::jetstream::Stored;
use roost_schemas::{Digest, Sequence};
use serde::Serialize;

use super::audit::Audit;

/// A fold that somebody else holds.
pub(super) struct Witness {
    /// Whose it is.
    pub(super) name: String,
    /// The last commit in it.
    pub(super) sequence: Sequence,
    /// What it came to; nothing, if another release folded it.
    pub(super) fold: Option<Digest>,
    /// That commit itself, if it was noted.
    pub(super) commit: Option<Digest>,
}

/// What comparing came to.
#[derive(Serialize)]
pub(super) struct Verdict {
    name: String,
    pub(super) agrees: bool,
    detail: String,
}

impl Verdict {
    pub(super) fn differs(witness: &Witness, detail: String) -> Self {
        Self {
            name: witness.name.clone(),
            agrees: false,
            detail,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, agrees, detail } = self;
        let word = if *agrees { "agrees" } else { "problem" };
        write!(f, "{word}: {name}: {detail}")
    }
}

/// Compares those who have come as far as the audit has, whose last message is `message`.
pub(super) fn meet(witnesses: &[Witness], audit: &Audit, message: Option<&Stored>) -> Vec<Verdict> {
    let here = witnesses
        .iter()
        .filter(|witness| witness.sequence == audit.last());
    here.map(|witness| compare(witness, audit, message)).collect()
}

fn compare(witness: &Witness, audit: &Audit, message: Option<&Stored>) -> Verdict {
    let sequence = witness.sequence;
    let stands = message
        .and_then(|message| message.record().ok())
        .map(|record| record.digest());
    if witness.commit.is_some() && witness.commit != stands {
        return Verdict::differs(
            witness,
            format!("another commit stands at sequence {sequence} than the one it has seen"),
        );
    }
    let detail = match witness.fold {
        Some(fold) if fold != audit.digest() => {
            let detail = format!(
                "at sequence {sequence} it holds {fold}, the log comes to {}",
                audit.digest()
            );
            return Verdict::differs(witness, detail);
        }
        Some(_) => format!("the same at sequence {sequence}"),
        None => format!("the same commit at sequence {sequence}; what it holds is of another release"),
    };
    Verdict {
        name: witness.name.clone(),
        agrees: true,
        detail,
    }
}
