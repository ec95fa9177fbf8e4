//! The agent's client: the generated one for Connect, plain HTTP for the rest.

use std::net::SocketAddr;
use std::time::Duration;

use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use roost_schemas::envd::process::process_event::data_event::Output;
use roost_schemas::envd::process::process_event::{EndEvent, Event};
use roost_schemas::envd::process::{ProcessClient, ProcessConfig, StartRequest, StartResponse};
use tokio::time::timeout;

/// What a command did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) pid: u32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) end: EndEvent,
    /// Whether the call said after the end that its deadline had passed.
    pub(crate) overdue: bool,
}

impl Outcome {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap().trim_end()
    }
}

/// How messages are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codec {
    Json,
    Binary,
}

/// A command with default settings.
pub(crate) fn command(cmd: &str, args: &[&str]) -> StartRequest {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let process = ProcessConfig {
        cmd: cmd.to_owned(),
        args,
        ..ProcessConfig::default()
    };
    StartRequest {
        process: process.into(),
        stdin: Some(false),
        ..StartRequest::default()
    }
}

/// A line for bash.
pub(crate) fn bash(script: &str) -> StartRequest {
    command("bash", &["-c", script])
}

/// Runs a command to its end.
pub(crate) async fn run(agent: SocketAddr, request: StartRequest) -> Result<Outcome, ConnectError> {
    run_with(agent, Codec::Binary, request, CallOptions::default()).await
}

/// A client of the process service.
pub(crate) fn client(agent: SocketAddr, codec: Codec) -> ProcessClient<HttpClient> {
    let config = ClientConfig::new(format!("http://{agent}").parse().unwrap());
    let config = match codec {
        Codec::Json => config.json(),
        Codec::Binary => config.proto(),
    };
    ProcessClient::new(HttpClient::plaintext(), config)
}

/// Runs a command to its end; its events must come in the promised order.
pub(crate) async fn run_with(
    agent: SocketAddr,
    codec: Codec,
    request: StartRequest,
    options: CallOptions,
) -> Result<Outcome, ConnectError> {
    let mut stream = client(agent, codec).start_with_options(request, options).await?;
    let mut outcome = Outcome::default();
    let mut ended = false;
    loop {
        let message = match stream.message::<StartResponse>().await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) if ended && error.code == ErrorCode::DeadlineExceeded => {
                outcome.overdue = true;
                break;
            }
            Err(error) => return Err(error),
        };
        let event = message
            .to_owned_message()
            .event
            .into_option()
            .unwrap()
            .event
            .unwrap();
        assert!(!ended, "after the end: {event:?}");
        match event {
            Event::Start(start) => {
                assert_eq!(outcome.pid, 0, "a second start");
                outcome.pid = start.pid;
            }
            Event::Data(data) => {
                assert_ne!(outcome.pid, 0, "data before the start");
                match data.output.unwrap() {
                    Output::Stdout(chunk) => outcome.stdout.extend_from_slice(&chunk),
                    Output::Stderr(chunk) => outcome.stderr.extend_from_slice(&chunk),
                    Output::Pty(_) => panic!("there is no terminal"),
                }
            }
            Event::End(end) => {
                outcome.end = *end;
                ended = true;
            }
            Event::Keepalive(_) => {}
        }
    }
    assert!(ended, "the stream ended without an end event");
    Ok(outcome)
}

/// Sends one request and returns status and body.
pub(crate) async fn send(request: Request<Full<&'static [u8]>>) -> (StatusCode, Vec<u8>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes().to_vec(),
    )
}

/// A POST with a body.
pub(crate) fn post(
    agent: SocketAddr,
    path: &str,
    kind: &str,
    body: &'static [u8],
) -> Request<Full<&'static [u8]>> {
    let builder = Request::post(format!("http://{agent}{path}")).header("content-type", kind);
    builder.body(Full::new(body)).unwrap()
}

/// Whether `/health` answers as it should; one that does not answer at once counts as not yet.
pub(crate) async fn is_healthy(agent: SocketAddr) -> bool {
    let request = Request::get(format!("http://{agent}/health"))
        .body(Full::new(&b""[..]))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = timeout(Duration::from_millis(250), client.request(request)).await;
    matches!(answer, Ok(Ok(response)) if response.status() == StatusCode::NO_CONTENT)
}
