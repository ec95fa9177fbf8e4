//! One aggregate in the fleet.

use std::collections::BTreeMap;

use roost_schemas::codec::Undecodable;
use roost_schemas::commit::Commit;
use roost_schemas::event::Payload;
use roost_schemas::{Sequence, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Aggregate;

/// An aggregate's state as a reader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View<A> {
    /// The state.
    pub state: A,
    /// When its first command was issued.
    pub created_at: Timestamp,
    /// When its last one was.
    pub updated_at: Timestamp,
    /// Where its last commit stands.
    pub sequence: Sequence,
}

impl<A: Aggregate> View<A> {
    fn apply(&mut self, sequence: Sequence, payload: &[u8]) -> Result<(), Undecodable> {
        if sequence <= self.sequence {
            return Ok(());
        }
        let commit = Commit::<A::Event>::decode(payload)?;
        for event in &commit.events {
            self.state.evolve(event);
        }
        if self.sequence == Sequence::default() {
            self.created_at = commit.at;
        }
        self.updated_at = commit.at;
        self.sequence = sequence;
        Ok(())
    }
}

/// Folds a commit into one entry; an undecodable one leaves no trace.
pub(super) fn fold<K: Ord, A: Aggregate>(
    views: &mut BTreeMap<K, View<A>>,
    key: K,
    sequence: Sequence,
    payload: &[u8],
) -> Result<(), Undecodable>
where
    A::Event: Payload,
    View<A>: Default,
{
    if let Some(view) = views.get_mut(&key) {
        return view.apply(sequence, payload);
    }
    let mut view = View::default();
    view.apply(sequence, payload)?;
    views.insert(key, view);
    Ok(())
}
