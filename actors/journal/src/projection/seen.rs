//! Whether the log is the one that was read before.

use futures::StreamExt;
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;

use crate::checkpoint::Seen;
use crate::port::{Journal, JournalError};

/// Fails if the log ends before what was `seen` in it, or has something else in its place.
pub(super) async fn confirm(journal: &dyn Journal, seen: &Seen) -> Result<(), JournalError> {
    let head = journal.head().await?;
    if head < seen.sequence {
        return Err(JournalError::Behind {
            subject: EventFilter::All.to_string(),
            seen: seen.sequence,
            detail: format!("it ends at {head}, behind the checkpoint"),
        });
    }
    let before = Sequence(seen.sequence.0.saturating_sub(1));
    let mut records = journal.follow(&EventFilter::All, before).await?;
    let detail = match records.next().await {
        Some(Ok(record)) if record.sequence != seen.sequence => {
            format!("nothing stands, and at {} the next commit", record.sequence)
        }
        Some(Ok(record)) if record.digest() == seen.digest => return Ok(()),
        Some(Ok(record)) => format!(
            "there is another commit, of {} by the command {}",
            record.subject, record.command_id
        ),
        Some(Err(JournalError::Foreign(foreign))) => format!("there is what is no commit: {foreign}"),
        Some(Err(error)) => return Err(error),
        None => return Err(super::runner::ended()),
    };
    let seen = seen.sequence;
    Err(JournalError::Another { seen, detail })
}
