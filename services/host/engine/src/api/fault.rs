//! The body of every refusal.

use serde::{Deserialize, Serialize};

/// What an engine says when it refuses a request (`Error`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One sentence for a person.
    pub fault_message: String,
}
