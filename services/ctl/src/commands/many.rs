//! Doing the same to several sandboxes, side by side.

use anyhow::{Result, anyhow};
use futures::StreamExt;

use crate::exit;
use crate::output::{note, visible, waiting};

/// How many at once: a gateway has other callers, too.
const AT_ONCE: usize = 8;

/// Does `act` to each; what fails is told, and does not keep the others from it. `done` is what to say of one where it
/// succeeded.
pub(super) async fn each(
    doing: &str,
    done: &str,
    names: &[String],
    act: impl AsyncFn(&str) -> Result<()>,
) -> Result<()> {
    let all = async {
        let acts = names.iter().map(async |name| (name, act(name).await));
        futures::stream::iter(acts)
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    };
    let results = waiting(format!("{doing} {}", visible(&names.join(" "))), all).await;
    let mut failed = None;
    for (name, result) in results {
        match result {
            Ok(()) => note(format!("{done} {}", visible(name))),
            Err(error) if names.len() == 1 => return Err(error),
            Err(error) => {
                exit::complain(&anyhow!("{}: {error:#}", visible(name)));
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(()), |last| {
        Err(last.context("not all of it succeeded; the last failure was"))
    })
}
