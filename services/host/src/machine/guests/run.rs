//! Running a program by `process.Process/Start`.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use futures::{StreamExt, stream};
use roost_runtime::port::{Fault, Output, Outputs, Program};
use roost_schemas::command::PtySize;
use roost_schemas::envd::process::pty::Size;
use roost_schemas::envd::process::{PTY, ProcessClient, ProcessConfig, StartRequest, StartResponse};
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT, PROCESS_HEADER, TIMEOUT_HEADER};
use roost_schemas::event::ExitStatus;
use roost_schemas::trace;

use super::outputs;

const STEP: &str = "run a program";

/// A client of the agent at `address`, with a connection of its own: the address may be another guest's the next time.
pub(super) fn client(step: &'static str, address: IpAddr) -> Result<ProcessClient<HttpClient>, Fault> {
    let base = format!("http://{address}:{PORT}")
        .parse()
        .map_err(|error| Fault::of(step, &error))?;
    Ok(ProcessClient::new(
        HttpClient::plaintext(),
        ClientConfig::new(base).proto(),
    ))
}

pub(super) async fn run(address: IpAddr, token: &str, program: &Program) -> Result<Outputs, Fault> {
    let client = client(STEP, address)?;
    let stream = match client
        .start_with_options(request(program), options(token, program))
        .await
    {
        Ok(stream) => stream,
        Err(error) => return end(&error).map(|end| stream::iter([Ok(end)]).boxed()),
    };
    let events = stream::unfold(stream, |mut stream| async {
        let message = stream.message::<StartResponse>().await.transpose()?;
        let event = message.map(|message| message.to_owned_message().event.into_option());
        Some((event, stream))
    });
    Ok(outputs::of(events, end))
}

fn request(program: &Program) -> StartRequest {
    let process = ProcessConfig {
        cmd: program.cmd.clone(),
        args: program.args.clone(),
        cwd: program.cwd.clone(),
        envs: program.env.clone().into_iter().collect(),
    };
    StartRequest {
        process: process.into(),
        pty: program.pty.map(terminal).into(),
        tag: Some(program.process.to_string()),
        stdin: Some(program.stdin),
    }
}

fn terminal(PtySize { cols, rows }: PtySize) -> PTY {
    let (cols, rows) = (cols.into(), rows.into());
    PTY {
        size: Size { cols, rows }.into(),
    }
}

fn options(token: &str, program: &Program) -> CallOptions {
    let deadline = u64::from(program.timeout_sec) * 1000;
    let options = CallOptions::default()
        .with_header(ACCESS_TOKEN_HEADER, token)
        .with_header(PROCESS_HEADER, program.process.as_str())
        .with_header(TIMEOUT_HEADER, deadline.to_string());
    let options = match roost_telemetry::trace::current() {
        Some(parent) => options.with_header(trace::HEADER, parent.to_string()),
        None => options,
    };
    match &program.user {
        Some(user) => {
            let basic = BASE64_STANDARD.encode(format!("{user}:"));
            options.with_header("authorization", format!("Basic {basic}"))
        }
        None => options,
    }
}

/// What the agent says of a program that it would not run is the program's end; anything else is a broken guest.
fn end(error: &ConnectError) -> Result<Output, Fault> {
    match error.code {
        ErrorCode::NotFound
        | ErrorCode::InvalidArgument
        | ErrorCode::PermissionDenied
        | ErrorCode::ResourceExhausted
        | ErrorCode::FailedPrecondition => {
            let reason = error.message.clone().unwrap_or_else(|| error.to_string());
            Ok(Output::End(ExitStatus::NotStarted { reason }))
        }
        _ => Err(Fault::of(STEP, error)),
    }
}
