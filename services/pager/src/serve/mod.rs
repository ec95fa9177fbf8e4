//! The loop that answers faults.
//!
//! ```text
//!   wait ─▶ engine ended? ─▶ all events ─▶ every fault: put in place, or later ─▶ questions ─▶ one batch of the working
//!    ▲                                                                                              set, if any is left
//!    └──────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```

mod pending;

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use crate::cli::Cli;
use crate::content::Content;
use crate::control::desk::{Desk, Facts};
use crate::control::{State, Status};
use crate::engine::Engine;
use crate::error::Death;
use crate::handshake::Hello;
use crate::memory::{Happening, Memory, Placed};
use crate::plan::{Fill, Marks};
use crate::poll::{Poll, Token};
use crate::process::remark;
use crate::working_set::{Prefetch, Recorder};
use pending::Pending;
use roost_schemas::snapshot::working_set::WorkingSet;

/// When to try again what could not be answered: no event need come for it.
const RETRY: Duration = Duration::from_millis(1);
/// Pages that are put in place ahead of faults at once: the longest that a fault waits for them.
const BATCH: u64 = 64;
/// How long an engine may take to end once its memory is gone.
const PARTING: Duration = Duration::from_secs(2);

/// Why it serves no more.
#[derive(Debug)]
enum Stop {
    /// The engine has ended, or the pager was told to.
    Over,
    /// The engine's memory is gone.
    Gone,
    Death(Death),
}

impl From<Death> for Stop {
    fn from(death: Death) -> Self {
        Self::Death(death)
    }
}

/// One VM's faults. The engine comes first, so that it is gone before its userfaultfd is closed.
pub(crate) struct Service {
    engine: Engine,
    memory: Memory,
    content: Content,
    marks: Marks,
    pending: Pending,
    block: u64,
    patience: Duration,
    prefetch: Prefetch,
    /// The next page of the working set could not be put in place yet.
    stalled: bool,
    recorder: Option<Recorder>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    faults: u64,
    copied: u64,
    zeros: u64,
    prefetched: u64,
}

impl Service {
    /// What was `wanted` of this memory before is put in place ahead of the faults.
    pub(crate) fn new(
        cli: &Cli,
        content: Content,
        wanted: &WorkingSet,
        hello: Hello,
        poll: &Poll,
    ) -> Result<Self, Death> {
        let Hello {
            engine,
            uffd,
            regions,
        } = hello;
        poll.add(&engine, Token::Engine)?;
        Ok(Self {
            engine,
            memory: Memory::new(uffd, regions),
            marks: Marks::new(content.pages()),
            pending: Pending::default(),
            block: cli.block_pages,
            patience: Duration::from_millis(cli.max_fault_ms),
            recorder: cli.record.clone().map(|path| Recorder::new(path, wanted)),
            prefetch: Prefetch::new(wanted, content.pages()),
            stalled: false,
            counts: Counts::default(),
            content,
        })
    }

    /// Serves until the engine has ended, or a signal or an error has ended it.
    pub(crate) fn run(mut self, poll: &Poll, desk: &mut Desk) -> Result<(), Death> {
        let mut ready = Vec::new();
        let stop = loop {
            if let Err(stop) = self.turn(poll, &mut ready, desk) {
                break stop;
            }
        };
        match stop {
            Stop::Death(death) => return Err(death),
            // Whatever ends it may still have something to clean up.
            Stop::Gone => _ = self.engine.ends_within(PARTING),
            Stop::Over => {}
        }
        self.write_down();
        Ok(())
    }

    fn turn(&mut self, poll: &Poll, ready: &mut Vec<Token>, desk: &mut Desk) -> Result<(), Stop> {
        let happened = poll.wait_beside(self.memory.events(), ready, self.until(desk))?;
        if ready.contains(&Token::Signal) || ready.contains(&Token::Engine) {
            return Err(Stop::Over);
        }
        if happened {
            self.take_in()?;
        }
        self.answer_all()?;
        let due = self.recorder.as_ref().and_then(Recorder::due);
        if due.is_some_and(|due| due <= Instant::now()) {
            self.write_down();
        }
        desk.attend(poll, ready, self);
        self.put_ahead()
    }

    /// How long there is nothing to do unless something happens.
    fn until(&self, desk: &Desk) -> Option<Duration> {
        if !self.pending.is_empty() || self.stalled {
            return Some(RETRY);
        }
        if self.prefetch.next().is_some() {
            return Some(Duration::ZERO);
        }
        let due = self.recorder.as_ref().and_then(Recorder::due);
        let next = due.into_iter().chain(desk.deadline()).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Takes in all that happened before anything is answered: a page that is waited for may have been given back.
    fn take_in(&mut self) -> Result<(), Death> {
        let now = Instant::now();
        let (marks, pending) = (&mut self.marks, &mut self.pending);
        self.memory.drain(|happening| match happening {
            Happening::Missing(page) => pending.add(page, now),
            Happening::Removed(pages) => marks.remove(pages),
        })
    }

    fn answer_all(&mut self) -> Result<(), Stop> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut pending = mem::take(&mut self.pending);
        let outcome = pending.try_each(|fault| self.answer(fault.page));
        self.pending = pending;
        outcome?;
        let waited = self
            .pending
            .oldest()
            .map(|fault| (fault.page, fault.since.elapsed()));
        match waited {
            Some((page, waited)) if waited > self.patience => Err(Death::Overdue { page, waited }.into()),
            _ => Ok(()),
        }
    }

    /// Answers the fault on `page`, or says that it cannot be answered now.
    fn answer(&mut self, page: u64) -> Result<bool, Stop> {
        let block_end = (page / self.block + 1) * self.block;
        let Some(fill) = self.plan(page, block_end) else {
            return Err(Death::Unserved("waits for a page that is in no region").into());
        };
        match self.memory.place(&fill, &self.content) {
            Placed::Pages(count) => {
                self.placed(&fill, count);
                if let Some(recorder) = &mut self.recorder {
                    recorder.note(page, count);
                }
            }
            Placed::Present => {
                self.marks.put(page, 1);
                let woken = self.memory.wake(page);
                woken.map_err(|source| self.failed(&fill, source))?;
            }
            Placed::Later | Placed::Full => return Ok(false),
            Placed::Gone => return Err(Stop::Gone),
            Placed::Failed(source) => return Err(self.failed(&fill, source).into()),
        }
        self.counts.faults += 1;
        Ok(true)
    }

    /// Puts one batch of the working set in place.
    fn put_ahead(&mut self) -> Result<(), Stop> {
        self.stalled = false;
        let mut left = BATCH;
        // Passing over a page counts as well, lest much of what is there already be a long batch.
        for _ in 0..BATCH {
            let Some((page, end)) = self.prefetch.next().filter(|_| left > 0) else {
                break;
            };
            let wanted = !self.marks.is_given(page) && !self.marks.is_present(page);
            let planned = wanted.then(|| self.plan(page, end.min(page + left)));
            let Some(fill) = planned.flatten() else {
                self.prefetch.advance(1);
                continue;
            };
            match self.memory.place(&fill, &self.content) {
                Placed::Pages(count) => {
                    self.placed(&fill, count);
                    self.counts.prefetched += count;
                    self.prefetch.advance(count);
                    left = left.saturating_sub(count);
                }
                Placed::Present => self.prefetch.advance(1),
                Placed::Later => {
                    self.stalled = true;
                    break;
                }
                // What room is left is for those who wait.
                Placed::Full => self.prefetch = Prefetch::default(),
                Placed::Gone => return Err(Stop::Gone),
                Placed::Failed(source) => return Err(self.failed(&fill, source).into()),
            }
        }
        Ok(())
    }

    /// What to put in place for `page`, up to `end`; nothing if the engine has no such page.
    fn plan(&self, page: u64, end: u64) -> Option<Fill> {
        let region_end = self.memory.end_of_region(page)?;
        let run = self.content.lookup(page)?;
        Some(self.marks.plan(page, run, end.min(region_end)))
    }

    fn placed(&mut self, fill: &Fill, count: u64) {
        self.marks.put(fill.first, count);
        if self.content.address(fill.place).is_some() {
            self.counts.copied += count;
        } else {
            self.counts.zeros += count;
        }
    }

    fn failed(&self, fill: &Fill, source: io::Error) -> Death {
        Death::Page {
            page: fill.first,
            from: self.content.generation(fill.place),
            source,
        }
    }

    /// Writes the working set down for good. It is a hint: the VM runs on without.
    fn write_down(&mut self) {
        if let Some(Err(error)) = self.recorder.as_mut().map(Recorder::finish) {
            remark(format_args!("the working set is not written down: {error}"));
        }
    }
}

impl Facts for Service {
    fn status(&self) -> Status {
        let oldest = self.pending.oldest();
        let waited = oldest.map(|fault| fault.since.elapsed().as_millis());
        Status {
            state: State::Serving,
            engine: Some(self.engine.pid()),
            faults: self.counts.faults,
            copied_pages: self.counts.copied,
            zero_pages: self.counts.zeros,
            prefetched_pages: self.counts.prefetched,
            pending: self.pending.len(),
            oldest_fault_ms: waited.map_or(0, |waited| u64::try_from(waited).unwrap_or(u64::MAX)),
        }
    }

    fn next_removed(&self, from: u64) -> Option<(u64, u64)> {
        let pages = self.marks.next_removed(from)?;
        Some((pages.start, pages.end - pages.start))
    }

    fn save_working_set(&mut self) -> io::Result<()> {
        self.recorder.as_ref().map_or(Ok(()), Recorder::save)
    }
}
