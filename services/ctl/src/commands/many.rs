//! Doing the same to several things, side by side.

use std::fmt::Display;

use anyhow::{Result, anyhow};
use futures::StreamExt;
use serde_json::Value;

use crate::exit;
use crate::output::{note, visible, waiting};
use crate::remote::Session;

/// How many at once: a gateway has other callers, too.
const AT_ONCE: usize = 8;

/// Does `act` to each; what fails is told, and does not keep the others from it. `done` is what to say of one where it
/// succeeded. As JSON, what the gateway answered is one list; of what has no answer, nothing is printed.
pub(super) async fn each<T: Display>(
    session: &Session,
    doing: &str,
    done: &str,
    names: &[T],
    act: impl AsyncFn(&T) -> Result<Value>,
) -> Result<()> {
    let all = async {
        let acts = names.iter().map(async |name| (name, act(name).await));
        // In the order in which they were named, like the list that is printed.
        futures::stream::iter(acts)
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    };
    let listed: Vec<_> = names.iter().map(ToString::to_string).collect();
    let results = waiting(format!("{doing} {}", visible(&listed.join(" "))), all).await;
    let (mut answers, mut failed) = (Vec::new(), None);
    for (name, result) in results {
        let name = visible(&name.to_string());
        match result {
            Ok(answer) => {
                note(format!("{done} {name}"));
                answers.push(answer);
            }
            Err(error) if names.len() == 1 => return Err(error),
            Err(error) => {
                exit::complain(&anyhow!("{name}: {error:#}"));
                failed = Some(error);
            }
        }
    }
    answers.retain(|answer| !answer.is_null());
    if !answers.is_empty() {
        session.output.print(&answers, |_| Ok(()))?;
    }
    failed.map_or(Ok(()), |last| {
        Err(last.context("not all of it succeeded; the last failure was"))
    })
}
