//! Output of a process: read in chunks, put into its feed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::ready;
use std::time::{Duration, Instant};

use roost_schemas::output::Channel;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;
use tokio::time::timeout;

use super::feed::Feed;

/// Most bytes that are read at once.
const CHUNK: usize = 32 << 10;

/// After the process exited, a pipe that others hold open is left after this much silence …
const SILENCE: Duration = Duration::from_millis(200);
/// … or after this much waiting, however chatty they are. What the process itself wrote needs no waiting.
const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Where a chunk lands before its length is known: one for all, because most of a thousand processes are silent.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into());
}

/// The agent's end of a pipe or terminal that a process writes to.
pub(in crate::agent) struct Source {
    /// Which of its channels.
    pub(super) channel: Channel,
    /// What it wrote.
    pub(super) stream: Box<dyn AsyncRead + Send + Unpin>,
}

impl Source {
    /// One chunk, or `None` at the end. Dropping the future loses nothing.
    async fn read(&mut self) -> Option<Vec<u8>> {
        poll_fn(|context| {
            LANDING.with_borrow_mut(|landing| {
                let mut buffer = ReadBuf::new(landing);
                let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
                let chunk = buffer.filled();
                (read.is_ok() && !chunk.is_empty()).then(|| chunk.to_vec()).into()
            })
        })
        .await
    }
}

/// Moves output into the feed until the source ends, or, once the process exited, until it falls silent. Returns the
/// source if it is still open.
///
/// A full feed stops the reading and with it, in time, the writer.
pub(super) async fn deliver(
    mut source: Source,
    feed: &Feed,
    mut exited: watch::Receiver<bool>,
) -> Option<Source> {
    let mut patience = PATIENCE;
    loop {
        let chunk = if *exited.borrow() {
            let asked = Instant::now();
            let Ok(chunk) = timeout(SILENCE.min(patience), source.read()).await else {
                return Some(source);
            };
            patience = patience.saturating_sub(asked.elapsed());
            chunk
        } else {
            tokio::select! {
                chunk = source.read() => chunk,
                _ = exited.changed() => continue,
            }
        };
        feed.write(source.channel, &chunk?).await;
    }
}

/// Reads what others still write to a source, and forgets it: closing it would kill them.
pub(in crate::agent) async fn discard(source: Option<Source>) {
    let Some(mut source) = source else { return };
    while source.read().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::agent::process::budget::Budget;
    use crate::agent::process::feed::{Item, Reader};

    fn feed() -> (Arc<Feed>, Reader) {
        let feed = Feed::new(Arc::new(Budget::of_guest()).share());
        let reader = feed.read().unwrap();
        (feed, reader)
    }

    fn source(stream: impl AsyncRead + Send + Unpin + 'static) -> Source {
        Source {
            channel: Channel::Stdout,
            stream: Box::new(stream),
        }
    }

    async fn bytes(reader: &mut Reader) -> Bytes {
        match reader.next().await {
            Some(Item::Data(Channel::Stdout, bytes)) => bytes,
            other => panic!("not standard output: {other:?}"),
        }
    }

    #[tokio::test]
    async fn output_arrives_whole() {
        let (mut writer, reader) = duplex(64 << 10);
        let (feed, mut received) = feed();
        let running = watch::Sender::new(false);
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        tokio::spawn(async move { writer.write_all(&sent).await });
        let exit = running.subscribe();
        let delivery = tokio::spawn(async move { deliver(source(reader), &feed, exit).await.is_none() });
        let mut all = Vec::new();
        while all.len() < expected.len() {
            all.extend(bytes(&mut received).await);
        }
        assert!(all == expected);
        assert!(delivery.await.unwrap(), "the pipe ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_does_not_read_stops_the_writer() {
        let (mut writer, reader) = duplex(CHUNK);
        let (feed, received) = feed();
        let running = watch::Sender::new(false);
        let exit = running.subscribe();
        tokio::spawn(async move { deliver(source(reader), &feed, exit).await.is_none() });
        let flood = vec![0; 3 << 20];
        let stopped = timeout(Duration::from_secs(5), writer.write_all(&flood)).await;
        assert!(stopped.is_err());
        drop(received);
        let wrote = timeout(Duration::from_secs(5), writer.write_all(&flood)).await;
        wrote.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_held_open_after_the_exit_is_left() {
        let (mut writer, reader) = duplex(CHUNK);
        let (feed, mut received) = feed();
        let running = watch::Sender::new(false);
        writer.write_all(b"last words").await.unwrap();
        let exit = running.subscribe();
        let delivery = tokio::spawn(async move { deliver(source(reader), &feed, exit).await.is_some() });
        running.send(true).unwrap();
        assert!(delivery.await.unwrap(), "the pipe is still open");
        assert_eq!(bytes(&mut received).await, "last words");
    }
}
