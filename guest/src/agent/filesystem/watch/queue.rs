//! Events that wait to be polled.

use std::collections::VecDeque;

use roost_schemas::envd::filesystem::{EventType, FilesystemEvent};

use super::WatchError;

/// Most events that wait for one client.
const MOST: usize = 4096;

/// Bounded: when it is full, everything in it is dropped and the next poll is told so.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<FilesystemEvent>,
    lost: bool,
    /// Why no more will come.
    end: Option<WatchError>,
}

impl Queue {
    pub(super) fn push(&mut self, event: FilesystemEvent) {
        // One write after the other to the same file is one change to who polls.
        let is_write = event.r#type == EventType::EVENT_TYPE_WRITE;
        if is_write
            && self
                .events
                .back()
                .is_some_and(|last| last.name == event.name && last.r#type == event.r#type)
        {
            self.events.pop_back();
        }
        if self.events.len() == MOST {
            self.lose();
        }
        self.events.push_back(event);
    }

    /// Drops what waits and remembers to tell it.
    pub(super) fn lose(&mut self) {
        self.events.clear();
        self.lost = true;
    }

    pub(super) fn end(&mut self, error: WatchError) {
        self.end = Some(error);
    }

    /// What waits; else, once, that something was lost; else why the watch has ended.
    pub(super) fn take(&mut self) -> Result<Vec<FilesystemEvent>, &WatchError> {
        if std::mem::take(&mut self.lost) {
            return Err(&WatchError::Overflow);
        }
        match &self.end {
            Some(error) if self.events.is_empty() => Err(error),
            _ => Ok(std::mem::take(&mut self.events).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::changes::event;
    use super::*;

    #[test]
    fn an_overflow_is_told_once_and_the_queue_goes_on() {
        let mut queue = Queue::default();
        for number in 0..=MOST {
            queue.push(event(
                Path::new(&number.to_string()),
                EventType::EVENT_TYPE_CREATE,
                None,
            ));
        }
        assert!(matches!(queue.take(), Err(WatchError::Overflow)));
        let events = queue.take().unwrap();
        assert_eq!((events.len(), events[0].name.clone()), (1, MOST.to_string()));
        assert!(queue.take().unwrap().is_empty());
    }

    #[test]
    fn writes_in_a_row_are_one_and_the_end_comes_last() {
        let mut queue = Queue::default();
        for kind in [
            EventType::EVENT_TYPE_CREATE,
            EventType::EVENT_TYPE_WRITE,
            EventType::EVENT_TYPE_WRITE,
        ] {
            queue.push(event(Path::new("a"), kind, None));
        }
        queue.end(WatchError::Watchers);
        assert_eq!(queue.take().unwrap().len(), 2);
        assert!(matches!(queue.take(), Err(WatchError::Watchers)));
        assert!(matches!(queue.take(), Err(WatchError::Watchers)));
    }
}
