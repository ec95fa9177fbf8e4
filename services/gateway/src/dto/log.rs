//! How the log was read.

use roost_domain::fleet;
use roost_schemas::subject::EventSubject;
use serde::Serialize;
use utoipa::ToSchema;

/// What this gateway has made of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    /// The last commit that reads show.
    pub(crate) sequence: u64,
    /// The digest of all that they show: the same for everybody who has read as far with the same layout.
    #[schema(pattern = "^blake3:[0-9a-f]{64}$")]
    pub(crate) digest: String,
    /// In which layout it is kept; another release may have another.
    pub(crate) layout: u32,
    /// What stands still because a commit cannot be read. Requests for it are answered 503.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// Something that stands still.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unreadable {
    /// What it is, as a NATS subject.
    subject: String,
    /// The first commit that cannot be read.
    sequence: u64,
    /// What is wrong with it.
    reason: String,
}

impl From<(&EventSubject, &fleet::Unreadable)> for Unreadable {
    fn from((subject, unreadable): (&EventSubject, &fleet::Unreadable)) -> Self {
        Self {
            subject: subject.to_string(),
            sequence: unreadable.sequence.0,
            reason: unreadable.reason.clone(),
        }
    }
}
