//! Keeping what a program wrote, up to a bound per channel and a budget for all programs.

use std::sync::Arc;

use roost_schemas::Sequence;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Channel, Frame, MAX_KEPT};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::follow::Follow;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// Bytes that one permit of the budget stands for.
pub(crate) const UNIT: usize = 4096;

/// One channel's beginning.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    /// Bytes known to have been written.
    pub(crate) written: u64,
}

impl Kept {
    /// Whether bytes are missing at the end.
    pub(crate) fn is_cut(&self) -> bool {
        self.written > self.bytes.len() as u64
    }

    /// Takes the part of a frame that continues what is kept. A repeat adds nothing; what comes after a gap is only
    /// counted, so that what is kept is always the unbroken beginning.
    fn take(&mut self, offset: u64, data: &[u8]) {
        let kept = self.bytes.len() as u64;
        self.written = self.written.max(offset.saturating_add(data.len() as u64));
        let Some(skip) = kept
            .checked_sub(offset)
            .and_then(|skip| usize::try_from(skip).ok())
        else {
            return;
        };
        let room = usize::try_from(MAX_KEPT - kept.min(MAX_KEPT)).unwrap_or(usize::MAX);
        let new = data.get(skip..).unwrap_or_default();
        self.bytes.extend_from_slice(&new[..new.len().min(room)]);
    }
}

/// Both channels of one program, and the part of the budget that they take.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) stdout: Kept,
    pub(crate) stderr: Kept,
    budget: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

/// All programs together hold as much output as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OverBudget;

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) output: Collected,
    pub(crate) status: ExitStatus,
    pub(crate) duration_ms: u64,
    /// Where the log tells of its end.
    pub(crate) sequence: Sequence,
}

/// Reads what the program writes until it has ended.
pub(crate) async fn collect(gateway: &Gateway, mut program: Follow) -> Result<Finished, ApiError> {
    let mut output = Collected::new(gateway.exec_memory().clone());
    loop {
        match program.next().await? {
            Frame::Data {
                channel,
                offset,
                data,
            } => output
                .take(channel, offset, &data)
                .map_err(|OverBudget| over_budget(gateway))?,
            Frame::End {
                status,
                duration_ms,
                stdout_bytes,
                stderr_bytes,
                sequence,
            } => {
                output.end(stdout_bytes, stderr_bytes);
                return Ok(Finished {
                    output,
                    status,
                    duration_ms,
                    sequence,
                });
            }
        }
    }
}

fn over_budget(gateway: &Gateway) -> ApiError {
    let message = format!(
        "programs' output fills the {} bytes this gateway holds; the program runs on: repeat the request under its Idempotency-Key to read its output",
        gateway.limits().exec_bytes
    );
    ApiError::new(Code::Unavailable, message)
}

impl Collected {
    fn new(budget: Arc<Semaphore>) -> Self {
        Self {
            stdout: Kept::default(),
            stderr: Kept::default(),
            budget,
            permit: None,
        }
    }

    /// Takes a frame's data.
    fn take(&mut self, channel: Channel, offset: u64, data: &[u8]) -> Result<(), OverBudget> {
        self.reserve(data.len())?;
        let kept = match channel {
            Channel::Stdout | Channel::Pty => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        };
        kept.take(offset, data);
        Ok(())
    }

    /// Notes the totals that the program's end tells.
    fn end(&mut self, stdout_bytes: u64, stderr_bytes: u64) {
        self.stdout.written = self.stdout.written.max(stdout_bytes);
        self.stderr.written = self.stderr.written.max(stderr_bytes);
    }

    /// The budget's part, to be held for as long as the bytes are.
    pub(crate) fn take_permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.permit.take()
    }

    fn reserve(&mut self, more: usize) -> Result<(), OverBudget> {
        let needed = (self.stdout.bytes.len() + self.stderr.bytes.len() + more).div_ceil(UNIT);
        let have = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(missing) = u32::try_from(needed.saturating_sub(have)) else {
            return Err(OverBudget);
        };
        if missing == 0 {
            return Ok(());
        }
        let new = self
            .budget
            .clone()
            .try_acquire_many_owned(missing)
            .map_err(|_| OverBudget)?;
        match &mut self.permit {
            Some(permit) => permit.merge(new),
            None => self.permit = Some(new),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(budget: usize) -> Collected {
        Collected::new(Arc::new(Semaphore::new(budget)))
    }

    #[test]
    fn repeats_add_nothing_and_a_gap_ends_what_is_kept() {
        let mut all = collected(10);
        for (offset, data) in [(0, "abc"), (0, "abc"), (2, "cde"), (9, "xyz"), (5, "f")] {
            all.take(Channel::Stdout, offset, data.as_bytes()).unwrap();
        }
        assert_eq!(all.stdout.bytes, b"abcdef");
        assert_eq!(all.stdout.written, 12);
        assert!(all.stdout.is_cut() && !all.stderr.is_cut());
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let mut all = collected(10_000);
        let chunk = vec![0; 1 << 20];
        for n in 0..9 {
            all.take(Channel::Stderr, n << 20, &chunk).unwrap();
        }
        assert_eq!(all.stderr.bytes.len() as u64, MAX_KEPT);
        assert_eq!(all.stderr.written, 9 << 20);
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = Arc::new(Semaphore::new(2));
        let mut one = Collected::new(budget.clone());
        one.take(Channel::Stdout, 0, &[0; UNIT]).unwrap();
        one.take(Channel::Stdout, UNIT as u64, &[0; UNIT]).unwrap();
        let mut other = Collected::new(budget.clone());
        assert_eq!(other.take(Channel::Stdout, 0, b"x"), Err(OverBudget));
        drop(one);
        assert_eq!(other.take(Channel::Stdout, 0, b"x"), Ok(()));
        drop(other.take_permit());
        assert_eq!(budget.available_permits(), 2);
    }
}
