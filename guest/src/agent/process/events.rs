//! From a process's feed to the response stream of a call.
//!
//! ```text
//! start ─▶ data, gap marker, keepalive … ─▶ end ─▶ (deadline_exceeded, when it was killed for that)
//! ```

use std::future::pending;
use std::time::{Duration, Instant};

use connectrpc::{ConnectError, ServiceStream};
use futures::stream;
use roost_schemas::envd::DEADLINE_ERROR;
use roost_schemas::envd::process::process_event::data_event::Output;
use roost_schemas::envd::process::process_event::{DataEvent, KeepAlive, StartEvent};
use roost_schemas::envd::process::{ConnectResponse, ProcessEvent, StartResponse};
use roost_schemas::output::Channel;
use tokio::time::{sleep_until, timeout};

use super::feed::{Item, Reader};

/// The same events, in the response of whichever call.
pub(super) trait Response: Send + 'static {
    /// A response that carries `event`.
    fn carrying(event: ProcessEvent) -> Self;
}

impl Response for StartResponse {
    fn carrying(event: ProcessEvent) -> Self {
        Self { event: event.into() }
    }
}

impl Response for ConnectResponse {
    fn carrying(event: ProcessEvent) -> Self {
        Self { event: event.into() }
    }
}

/// How a call follows a process.
pub(super) struct Following {
    /// The process.
    pub(super) pid: u32,
    /// Its output.
    pub(super) reader: Reader,
    /// Silence after which a keepalive is sent.
    pub(super) keepalive: Duration,
    /// When the call ends, whatever the process does.
    pub(super) until: Option<Instant>,
}

enum Stage {
    Start,
    Follow,
    Overdue(String),
    Over,
}

impl Following {
    /// The response stream.
    pub(super) fn stream<R: Response>(self) -> ServiceStream<R> {
        Box::pin(stream::unfold(
            (Stage::Start, self),
            |(stage, mut following)| async move {
                let (response, next) = following.step(stage).await?;
                Some((response.map(R::carrying), (next, following)))
            },
        ))
    }

    async fn step(&mut self, stage: Stage) -> Option<(Result<ProcessEvent, ConnectError>, Stage)> {
        match stage {
            Stage::Start => {
                let start = StartEvent { pid: self.pid };
                Some((Ok(ProcessEvent { event: start.into() }), Stage::Follow))
            }
            Stage::Follow => tokio::select! {
                biased;
                () = passed(self.until) => {
                    let error = ConnectError::deadline_exceeded("the time for following the process is over");
                    Some((Err(error), Stage::Over))
                }
                item = timeout(self.keepalive, self.reader.next()) => match item {
                    Ok(item) => {
                        let (event, next) = carried(item?);
                        Some((Ok(event), next))
                    }
                    Err(_) => Some((Ok(ProcessEvent { event: KeepAlive::default().into() }), Stage::Follow)),
                },
            },
            Stage::Overdue(why) => Some((Err(ConnectError::deadline_exceeded(why)), Stage::Over)),
            Stage::Over => None,
        }
    }
}

async fn passed(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => pending().await,
    }
}

fn carried(item: Item) -> (ProcessEvent, Stage) {
    let event = match item {
        Item::Data(channel, bytes) => {
            let output = match channel {
                Channel::Stdout => Output::Stdout(bytes),
                Channel::Stderr => Output::Stderr(bytes),
                Channel::Pty => Output::Pty(bytes),
            };
            let data = DataEvent { output: Some(output) };
            data.into()
        }
        Item::Gap(gap) => gap.marker().into(),
        Item::End(end) => {
            // Clients take the call's own error for the timeout that it is, and pass over the end.
            let overdue = end
                .error
                .clone()
                .filter(|error| error.starts_with(DEADLINE_ERROR));
            let next = overdue.map_or(Stage::Over, Stage::Overdue);
            return (ProcessEvent { event: end.into() }, next);
        }
    };
    (ProcessEvent { event }, Stage::Follow)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connectrpc::ErrorCode;
    use futures::StreamExt;
    use roost_schemas::envd::process::process_event::{EndEvent, Event};

    use super::*;
    use crate::agent::process::budget::Budget;
    use crate::agent::process::feed::Feed;

    fn follow(feed: &Arc<Feed>, until: Option<Instant>) -> ServiceStream<StartResponse> {
        Following {
            pid: 7,
            reader: feed.read().unwrap(),
            keepalive: Duration::from_secs(90),
            until,
        }
        .stream()
    }

    async fn event(events: &mut ServiceStream<StartResponse>) -> Event {
        let response = events.next().await.unwrap().unwrap();
        response.event.into_option().unwrap().event.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn start_keepalive_gap_data_end() {
        let feed = Feed::new(Arc::new(Budget::of_guest()).share());
        let flood = vec![b'x'; 3 << 20];
        feed.write(Channel::Stdout, &flood).await;
        let mut events = follow(&feed, None);
        assert!(matches!(event(&mut events).await, Event::Start(start) if start.pid == 7));
        let Event::Keepalive(gap) = event(&mut events).await else {
            panic!("no marker")
        };
        let mut seen = gap.stdout_dropped;
        assert!(seen > 0);
        while seen < flood.len() as u64 {
            let Event::Data(data) = event(&mut events).await else {
                panic!("no data")
            };
            let Some(Output::Stdout(bytes)) = data.output else {
                panic!("not standard output")
            };
            seen += bytes.len() as u64;
        }
        let Event::Keepalive(silence) = event(&mut events).await else {
            panic!("no keepalive")
        };
        assert_eq!(*silence, KeepAlive::default());
        feed.end(EndEvent::default());
        assert!(matches!(event(&mut events).await, Event::End(_)));
        assert!(events.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_own_deadline_and_after_that_of_its_process() {
        let feed = Feed::new(Arc::new(Budget::of_guest()).share());
        let until = tokio::time::Instant::now() + Duration::from_secs(5);
        let mut events = follow(&feed, Some(until.into_std()));
        event(&mut events).await;
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
        assert!(events.next().await.is_none());

        let mut events = follow(&feed, None);
        event(&mut events).await;
        feed.end(EndEvent {
            error: Some(format!("{DEADLINE_ERROR}: killed after 5 ms")),
            ..EndEvent::default()
        });
        assert!(matches!(event(&mut events).await, Event::End(_)));
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
        assert!(events.next().await.is_none());
    }
}
