//! The event log as one process sees it: a log that answers late, never, or only others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use roost_journal::memory::MemoryJournal;
use roost_journal::port::{Append, Journal, JournalError, Page, Records};
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};

use super::stage::{Pulse, Script};

/// What is wrong with the wire, for every process on it.
#[derive(Default)]
pub(crate) struct Trouble {
    down: AtomicBool,
    mute: AtomicU32,
    appends: AtomicU32,
    reads: AtomicU32,
}

impl Trouble {
    /// From now on nothing gets through; or everything does again.
    pub(crate) fn cut(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Lets the next `times` appends be stored and seem not to be.
    pub(crate) fn mute(&self, times: u32) {
        self.mute.store(times, Ordering::SeqCst);
    }

    /// Appends that were tried, whatever became of them.
    pub(crate) fn appends(&self) -> u32 {
        self.appends.load(Ordering::SeqCst)
    }

    /// The same of reads.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }
}

/// One process's end of the wire.
pub(crate) struct Wire {
    pub(crate) journal: MemoryJournal,
    pub(crate) trouble: Arc<Trouble>,
    pub(crate) pulse: Pulse,
    /// What becomes of appends and of the answers to reads, if a test is to say.
    pub(crate) script: Option<Arc<Script>>,
}

impl Wire {
    async fn pass(&self, action: &'static str) -> Result<(), JournalError> {
        self.pulse.check().await;
        if self.trouble.down.load(Ordering::SeqCst) {
            return Err(unavailable(action));
        }
        Ok(())
    }
}

fn unavailable(action: &'static str) -> JournalError {
    JournalError::Unavailable {
        action,
        detail: "the wire was cut on purpose".to_owned(),
    }
}

#[async_trait]
impl Journal for Wire {
    async fn append(
        &self,
        subject: &EventSubject,
        expected: Sequence,
        command_id: &CommandId,
        payload: Bytes,
    ) -> Result<Append, JournalError> {
        self.trouble.appends.fetch_add(1, Ordering::SeqCst);
        self.pass("append").await?;
        if let Some(script) = &self.script
            && !command_id.as_str().contains(".crashed.")
        {
            script.play("append").await;
        }
        let append = self.journal.append(subject, expected, command_id, payload).await;
        let mute = |left: u32| left.checked_sub(1);
        match self
            .trouble
            .mute
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, mute)
        {
            Ok(_) => Err(unavailable("append")),
            Err(_) => append,
        }
    }

    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        self.pass("read").await?;
        let page = self.journal.read(subject, after).await;
        self.trouble.reads.fetch_add(1, Ordering::SeqCst);
        if let Some(script) = &self.script {
            script.play("read").await;
        }
        page
    }

    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError> {
        self.pass("read a page").await?;
        self.journal.page(filter, after, bytes).await
    }

    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        self.pass("tell a place").await?;
        self.journal.before(time).await
    }

    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError> {
        self.pass("follow").await?;
        self.journal.follow(filter, after).await
    }

    async fn head(&self) -> Result<Sequence, JournalError> {
        self.pass("tell its head").await?;
        self.journal.head().await
    }
}
