//! [`OutputLog`] in process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;
use tokio::sync::watch;

use super::{Options, locked};
use crate::port::{OutputError, OutputFrames, OutputLog};

/// The output of processes, in process; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryOutput(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    limit: usize,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each process's frames by number.
    frames: HashMap<OutputSubject, BTreeMap<u64, Frame>>,
    /// All of them by age.
    order: VecDeque<(OutputSubject, u64)>,
}

impl MemoryOutput {
    pub(super) fn new(options: &Options) -> Self {
        let (changes, _) = watch::channel(());
        Self(Arc::new(Shared {
            kept: Mutex::default(),
            limit: options.output_frames,
            changes,
        }))
    }
}

#[async_trait]
impl OutputLog for MemoryOutput {
    async fn publish(&self, subject: &OutputSubject, number: u64, frame: &Frame) -> Result<(), OutputError> {
        let mut kept = locked(&self.0.kept);
        let frames = kept.frames.entry(subject.clone()).or_default();
        if frames.contains_key(&number) {
            return Ok(());
        }
        frames.insert(number, frame.clone());
        kept.order.push_back((subject.clone(), number));
        if kept.order.len() > self.0.limit
            && let Some((oldest, number)) = kept.order.pop_front()
            && let Some(frames) = kept.frames.get_mut(&oldest)
        {
            frames.remove(&number);
            if frames.is_empty() {
                kept.frames.remove(&oldest);
            }
        }
        self.0.changes.send_replace(());
        Ok(())
    }

    async fn follow(&self, subject: &OutputSubject) -> Result<OutputFrames, OutputError> {
        let start = Reader {
            shared: self.0.clone(),
            changes: self.0.changes.subscribe(),
            subject: subject.clone(),
            next: 0,
        };
        let frames = futures::stream::unfold(Some(start), |reader| async {
            let mut reader = reader?;
            let frame = reader.next().await;
            let ended = matches!(frame, Frame::End { .. });
            Some((Ok(frame), (!ended).then_some(reader)))
        });
        Ok(frames.boxed())
    }

    async fn stored(&self, subject: &OutputSubject) -> Result<Vec<Frame>, OutputError> {
        let kept = locked(&self.0.kept);
        let frames = kept.frames.get(subject);
        Ok(frames
            .map(|frames| frames.values().cloned().collect())
            .unwrap_or_default())
    }
}

struct Reader {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    subject: OutputSubject,
    next: u64,
}

impl Reader {
    async fn next(&mut self) -> Frame {
        loop {
            self.changes.mark_unchanged();
            if let Some(frames) = locked(&self.shared.kept).frames.get(&self.subject)
                && let Some((number, frame)) = frames.range(self.next..).next()
            {
                self.next = number + 1;
                return frame.clone();
            }
            // The sender lives in `shared`, which this reader holds.
            let _ = self.changes.changed().await;
        }
    }
}
