//! What a program does, read from the events that the agent tells of it.

use connectrpc::ConnectError;
use futures::{Stream, StreamExt};
use roost_runtime::port::{Fault, Output, Outputs};
use roost_schemas::envd::DEADLINE_ERROR;
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::ProcessEvent;
use roost_schemas::envd::process::process_event::{EndEvent, KeepAlive};
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;

use crate::machine::signals;

/// The outputs that `events` tell of, up to the program's end or the first error, which `failed` gives a meaning.
pub(super) fn of<S>(events: S, failed: fn(&ConnectError) -> Result<Output, Fault>) -> Outputs
where
    S: Stream<Item = Result<Option<ProcessEvent>, ConnectError>> + Send + 'static,
{
    let outputs = events.flat_map(move |event| {
        futures::stream::iter(match event {
            Ok(event) => outputs(event).into_iter().map(Ok).collect(),
            Err(error) => vec![failed(&error)],
        })
    });
    // A stream that broke goes on telling so.
    let upto_end = outputs.scan(false, |ended, output| {
        let next = (!*ended).then_some(output);
        *ended = matches!(next, None | Some(Ok(Output::End(_)) | Err(_)));
        std::future::ready(next)
    });
    upto_end.boxed()
}

fn outputs(event: Option<ProcessEvent>) -> Vec<Output> {
    let Some(event) = event.and_then(|event| event.event) else {
        return Vec::new();
    };
    match event {
        Event::Data(data) => match data.output {
            Some(data_event::Output::Stdout(bytes)) => vec![Output::Data(Channel::Stdout, bytes)],
            Some(data_event::Output::Stderr(bytes)) => vec![Output::Data(Channel::Stderr, bytes)],
            Some(data_event::Output::Pty(bytes)) => vec![Output::Data(Channel::Pty, bytes)],
            None => Vec::new(),
        },
        Event::End(end) => vec![Output::End(status(&end))],
        Event::Keepalive(marker) => lost(&marker),
        Event::Start(_) => Vec::new(),
    }
}

fn lost(marker: &KeepAlive) -> Vec<Output> {
    let lost = [
        (Channel::Stdout, marker.stdout_dropped),
        (Channel::Stderr, marker.stderr_dropped),
        (Channel::Pty, marker.pty_dropped),
    ];
    let lost = lost.into_iter().filter(|(_, bytes)| *bytes > 0);
    lost.map(|(channel, bytes)| Output::Lost(channel, bytes))
        .collect()
}

fn status(end: &EndEvent) -> ExitStatus {
    if end
        .error
        .as_deref()
        .is_some_and(|error| error.starts_with(DEADLINE_ERROR))
    {
        return ExitStatus::TimedOut;
    }
    if end.exited {
        return ExitStatus::Exited { code: end.exit_code };
    }
    match signals::number(&end.status) {
        Some(signal) => ExitStatus::Signaled { signal },
        None => ExitStatus::Unknown {
            reason: end.error.clone().unwrap_or_else(|| end.status.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn end(exit_code: i32) -> ProcessEvent {
        let end = EndEvent {
            exit_code,
            exited: true,
            ..EndEvent::default()
        };
        ProcessEvent {
            event: Some(Event::End(Box::new(end))),
        }
    }

    fn refused(error: &ConnectError) -> Result<Output, Fault> {
        Err(Fault::of("test", error))
    }

    #[tokio::test]
    async fn nothing_follows_an_end_or_an_error() {
        let ended = of(stream::iter([Ok(Some(end(3))), Ok(Some(end(4)))]), refused);
        let ended: Vec<_> = ended.map(Result::unwrap).collect().await;
        assert_eq!(ended, [Output::End(ExitStatus::Exited { code: 3 })]);

        let broken = stream::repeat_with(|| Err(ConnectError::unavailable("gone")));
        let broken: Vec<_> = of(broken, refused).collect().await;
        assert_eq!(broken.len(), 1);
        assert!(broken[0].is_err());
    }

    #[tokio::test]
    async fn a_marker_tells_of_each_channel_that_lost_bytes() {
        let marker = KeepAlive {
            stdout_dropped: 5,
            pty_dropped: 7,
            ..KeepAlive::default()
        };
        let event = ProcessEvent {
            event: Some(Event::Keepalive(Box::new(marker))),
        };
        let outputs: Vec<_> = of(stream::iter([Ok(Some(event)), Ok(None)]), refused)
            .map(Result::unwrap)
            .collect()
            .await;
        let expected = [Output::Lost(Channel::Stdout, 5), Output::Lost(Channel::Pty, 7)];
        assert_eq!(outputs, expected);
    }
}
