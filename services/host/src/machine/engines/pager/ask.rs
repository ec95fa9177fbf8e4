//! Asking a pager: one JSON line each way on its control socket.

use std::ops::Range;
use std::time::Duration;

use roost_pager::control::{Removed, Request, Status};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Pager;

/// How long it may take to write the working set down, or to list the pages that the guest gave back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the longest answer: every other page of 64 GiB given back.
const MAX_ANSWER: u64 = 256 << 20;

/// Why a pager did not answer.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum AskError {
    /// The socket broke, or was not there.
    #[error("the pager cannot be asked: {0}")]
    Broken(#[from] std::io::Error),
    /// It took too long.
    #[error("the pager did not answer within {0:?}")]
    Silent(Duration),
    /// It spoke of something else.
    #[error("the pager's answer makes no sense: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It could not do it.
    #[error("the pager could not: {0}")]
    Refused(String),
}

/// What it answers when it could not do what it was asked.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Pager {
    /// How it stands, answered within `patience`.
    pub(in super::super) async fn status(&self, patience: Duration) -> Result<Status, AskError> {
        self.ask(Request::Status, patience).await
    }

    /// Has the working set written down.
    pub(in super::super) async fn save_working_set(&self) -> Result<Status, AskError> {
        self.ask(Request::SaveWorkingSet, PATIENCE).await
    }

    /// The pages that the guest gave back and has not touched since.
    pub(in super::super) async fn removed(&self) -> Result<Vec<Range<u64>>, AskError> {
        let removed: Removed = self.ask(Request::Removed, PATIENCE).await?;
        let runs = removed.runs.into_iter();
        Ok(runs
            .map(|(first, count)| first..first.saturating_add(count))
            .collect())
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request, patience: Duration) -> Result<T, AskError> {
        let _turn = self.asking.lock().await;
        let answer = timeout(patience, self.exchange(request)).await;
        let answer = answer.map_err(|_| AskError::Silent(patience))??;
        match serde_json::from_slice(&answer) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(match serde_json::from_slice(&answer) {
                Ok(Refusal { error }) => AskError::Refused(error),
                Err(_) => error.into(),
            }),
        }
    }

    async fn exchange(&self, request: Request) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.record.control).await?;
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        Ok(answer)
    }
}
