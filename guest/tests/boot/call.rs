//! A call that follows a process, event by event, and the calls that act on one.

use std::net::SocketAddr;
use std::time::Duration;

use connectrpc::client::{CallOptions, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use roost_schemas::envd::process::process_event::data_event::Output;
use roost_schemas::envd::process::process_event::{EndEvent, Event, KeepAlive};
use roost_schemas::envd::process::process_input::Input;
use roost_schemas::envd::process::process_selector::Selector;
use roost_schemas::envd::process::{
    ConnectRequest, ConnectResponse, ListRequest, ProcessClient, ProcessEvent, ProcessInfo, ProcessInput,
    ProcessSelector, SendInputRequest, SendSignalRequest, Signal, StartRequest, StartResponse,
};
use tokio::time::timeout;

use crate::agent::{Codec, client};

/// How long an event may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// An open call.
pub(crate) struct Call {
    pub(crate) pid: u32,
    events: BoxStream<'static, Result<ProcessEvent, ConnectError>>,
}

/// What a call brought until its end.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) output: Vec<u8>,
    pub(crate) dropped: u64,
    pub(crate) end: EndEvent,
}

impl Call {
    /// Starts a process.
    pub(crate) async fn start(agent: SocketAddr, request: StartRequest) -> Self {
        Self::start_with(agent, request, CallOptions::default())
            .await
            .unwrap()
    }

    /// Starts a process with headers.
    pub(crate) async fn start_with(
        agent: SocketAddr,
        request: StartRequest,
        options: CallOptions,
    ) -> Result<Self, ConnectError> {
        let stream = client(agent, Codec::Json)
            .start_with_options(request, options)
            .await?;
        let events = unfold(stream, |mut stream| async {
            let message = stream.message::<StartResponse>().await.transpose()?;
            let event = message.map(|message| message.to_owned_message().event.into_option().unwrap());
            Some((event, stream))
        });
        Self::begin(events.boxed()).await
    }

    /// Follows a process that was started before.
    pub(crate) async fn connect(agent: SocketAddr, selector: Selector) -> Result<Self, ConnectError> {
        Self::connect_with(agent, selector, CallOptions::default()).await
    }

    /// The same with headers.
    pub(crate) async fn connect_with(
        agent: SocketAddr,
        selector: Selector,
        options: CallOptions,
    ) -> Result<Self, ConnectError> {
        let request = ConnectRequest {
            process: meant(selector).into(),
        };
        let stream = client(agent, Codec::Binary)
            .connect_with_options(request, options)
            .await?;
        let events = unfold(stream, |mut stream| async {
            let message = stream.message::<ConnectResponse>().await.transpose()?;
            let event = message.map(|message| message.to_owned_message().event.into_option().unwrap());
            Some((event, stream))
        });
        Self::begin(events.boxed()).await
    }

    async fn begin(
        mut events: BoxStream<'static, Result<ProcessEvent, ConnectError>>,
    ) -> Result<Self, ConnectError> {
        let first = timeout(PATIENCE, events.next()).await.unwrap().unwrap()?;
        let Some(Event::Start(start)) = first.event else {
            panic!("the first event is {first:?}")
        };
        Ok(Self {
            pid: start.pid,
            events,
        })
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Result<Event, ConnectError> {
        let event = timeout(PATIENCE, self.events.next()).await.unwrap();
        Ok(event.expect("there is an end first")?.event.unwrap())
    }

    /// Reads output, of whatever channel, until it contains `wanted`.
    pub(crate) async fn until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        while !text.contains(wanted) {
            match self.next().await.unwrap() {
                Event::Data(data) => text.push_str(&String::from_utf8_lossy(&bytes(data.output))),
                other => panic!("{other:?} after {text:?}"),
            }
        }
        text
    }

    /// Reads to the end.
    pub(crate) async fn rest(mut self) -> Rest {
        let mut rest = Rest::default();
        loop {
            match self.next().await.unwrap() {
                Event::Data(data) => rest.output.extend(bytes(data.output)),
                Event::Keepalive(marker) => rest.dropped += dropped(&marker),
                Event::End(end) => {
                    rest.end = *end;
                    return rest;
                }
                Event::Start(_) => panic!("a second start"),
            }
        }
    }
}

/// Bytes of a data event.
pub(crate) fn bytes(output: Option<Output>) -> Vec<u8> {
    let (Output::Stdout(bytes) | Output::Stderr(bytes) | Output::Pty(bytes)) = output.unwrap();
    bytes.to_vec()
}

/// What a marker says is missing.
pub(crate) fn dropped(marker: &KeepAlive) -> u64 {
    marker.stdout_dropped + marker.stderr_dropped + marker.pty_dropped
}

/// By its id.
pub(crate) fn pid(pid: u32) -> Selector {
    Selector::Pid(pid)
}

/// By its tag.
pub(crate) fn tag(tag: &str) -> Selector {
    Selector::Tag(tag.into())
}

/// As requests carry it.
pub(crate) fn meant(selector: Selector) -> ProcessSelector {
    ProcessSelector {
        selector: Some(selector),
    }
}

/// What runs.
pub(crate) async fn list(agent: SocketAddr) -> Vec<ProcessInfo> {
    let response = client(agent, Codec::Json).list(ListRequest::default()).await;
    response.unwrap().into_owned().processes
}

/// Standard input.
pub(crate) fn stdin(text: &str) -> Input {
    Input::Stdin(text.to_owned().into())
}

/// What is typed.
pub(crate) fn typed(text: &str) -> Input {
    Input::Pty(text.to_owned().into())
}

/// Feeds a process.
pub(crate) async fn send(agent: SocketAddr, selector: Selector, input: Input) -> Result<(), ErrorCode> {
    let input = ProcessInput { input: Some(input) };
    let request = SendInputRequest {
        process: meant(selector).into(),
        input: input.into(),
    };
    let sent = client(agent, Codec::Json).send_input(request).await;
    sent.map(drop).map_err(|error| error.code)
}

/// Signals a process.
pub(crate) async fn signal(agent: SocketAddr, selector: Selector, signal: Signal) -> Result<(), ErrorCode> {
    let request = SendSignalRequest {
        process: meant(selector).into(),
        signal: signal.into(),
    };
    let sent = client(agent, Codec::Binary).send_signal(request).await;
    sent.map(drop).map_err(|error| error.code)
}

/// Closes a process's standard input.
pub(crate) async fn close(client: &ProcessClient<HttpClient>, selector: Selector) -> Result<(), ErrorCode> {
    let request = roost_schemas::envd::process::CloseStdinRequest {
        process: meant(selector).into(),
    };
    client
        .close_stdin(request)
        .await
        .map(drop)
        .map_err(|error| error.code)
}
