//! Output of a process: read in chunks, passed on as fast as the reader takes it.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use roost_schemas::envd::process::ProcessEvent;
use roost_schemas::envd::process::process_event::DataEvent;
use roost_schemas::envd::process::process_event::data_event::Output;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Most bytes of one data event.
const CHUNK: usize = 32 << 10;

/// After the process exited, a pipe that others hold open is left after this much silence …
const SILENCE: Duration = Duration::from_millis(200);
/// … or after this much waiting, however chatty they are. What the process itself wrote needs no waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which of the two outputs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Stdout,
    Stderr,
}

impl Kind {
    fn event(self, chunk: Bytes) -> ProcessEvent {
        let output = match self {
            Self::Stdout => Output::Stdout(chunk),
            Self::Stderr => Output::Stderr(chunk),
        };
        let data = DataEvent { output: Some(output) };
        ProcessEvent { event: data.into() }
    }
}

/// Passes chunks on until the pipe ends, or, once the process exited, until it falls silent.
///
/// A full channel stops the reading and with it, in time, the writer. When nobody listens any more the output is
/// dropped. Returns the pipe if it is still open.
pub(super) async fn deliver<R: AsyncRead + Unpin>(
    mut pipe: R,
    kind: Kind,
    events: mpsc::Sender<ProcessEvent>,
    mut exited: watch::Receiver<bool>,
) -> Option<R> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut patience = PATIENCE;
    loop {
        let chunk = if *exited.borrow() {
            let asked = Instant::now();
            let Ok(chunk) = timeout(SILENCE.min(patience), read(&mut pipe, &mut buffer)).await else {
                return Some(pipe);
            };
            patience = patience.saturating_sub(asked.elapsed());
            chunk
        } else {
            tokio::select! {
                chunk = read(&mut pipe, &mut buffer) => chunk,
                _ = exited.changed() => continue,
            }
        };
        // An error is the client's disconnect: the process must not notice.
        let _ = events.send(kind.event(chunk?)).await;
    }
}

/// Reads what others still write to a pipe, and forgets it.
pub(super) async fn discard<R: AsyncRead + Unpin>(pipe: Option<R>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = BytesMut::with_capacity(CHUNK);
    while read(&mut pipe, &mut buffer).await.is_some() {}
}

/// One chunk, or `None` at the end. Dropping the future loses nothing.
async fn read<R: AsyncRead + Unpin>(pipe: &mut R, buffer: &mut BytesMut) -> Option<Bytes> {
    buffer.reserve(CHUNK);
    let read = pipe.take(CHUNK as u64).read_buf(buffer).await.ok()?;
    (read > 0).then(|| buffer.split().freeze())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use roost_schemas::envd::process::process_event::Event;

    fn bytes(event: ProcessEvent) -> Bytes {
        let Some(Event::Data(data)) = event.event else {
            panic!("not data: {event:?}")
        };
        let Some(Output::Stdout(chunk)) = data.output else {
            panic!("not standard output: {data:?}")
        };
        chunk
    }

    #[tokio::test]
    async fn output_arrives_whole_in_bounded_chunks() {
        let (mut writer, reader) = duplex(64 << 10);
        let (events, mut received) = mpsc::channel(2);
        let (_running, exit) = watch::channel(false);
        let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        tokio::spawn(async move { writer.write_all(&sent).await });
        let delivery = tokio::spawn(deliver(reader, Kind::Stdout, events, exit));
        let mut all = Vec::new();
        while let Some(event) = received.recv().await {
            let chunk = bytes(event);
            assert!(chunk.len() <= CHUNK);
            all.extend_from_slice(&chunk);
        }
        assert_eq!(all, expected);
        assert!(delivery.await.unwrap().is_none(), "the pipe ended");
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_stops_the_writer() {
        let (mut writer, reader) = duplex(CHUNK);
        let (events, mut received) = mpsc::channel(1);
        let (_running, exit) = watch::channel(false);
        tokio::spawn(deliver(reader, Kind::Stdout, events, exit));
        let flood = vec![0; 10 * CHUNK];
        assert!(
            timeout(Duration::from_millis(100), writer.write_all(&flood))
                .await
                .is_err()
        );
        received.close();
        while received.recv().await.is_some() {}
        timeout(Duration::from_secs(10), writer.write_all(&flood))
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_held_open_after_the_exit_is_left() {
        let (mut writer, reader) = duplex(CHUNK);
        let (events, mut received) = mpsc::channel(8);
        let (running, exit) = watch::channel(false);
        writer.write_all(b"last words").await.unwrap();
        let delivery = tokio::spawn(deliver(reader, Kind::Stdout, events, exit));
        running.send(true).unwrap();
        assert!(delivery.await.unwrap().is_some(), "the pipe is still open");
        assert_eq!(bytes(received.recv().await.unwrap()), "last words");
    }
}
