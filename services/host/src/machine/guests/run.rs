//! Running a program by `process.Process/Start`.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use futures::StreamExt;
use roost_runtime::port::{Fault, Output, Outputs, Program};
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::process_event::EndEvent;
use roost_schemas::envd::process::{ProcessClient, ProcessConfig, StartRequest, StartResponse};
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, DEADLINE_ERROR, PORT, PROCESS_HEADER, TIMEOUT_HEADER};
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;

use crate::machine::signals;

const STEP: &str = "run a program";

pub(super) async fn run(address: IpAddr, token: &str, program: &Program) -> Result<Outputs, Fault> {
    let base = format!("http://{address}:{PORT}")
        .parse()
        .map_err(|error| Fault::of(STEP, &error))?;
    // A client of its own, so a connection of its own: the address may be another guest's the next time.
    let client = ProcessClient::new(HttpClient::plaintext(), ClientConfig::new(base).proto());
    let stream = match client
        .start_with_options(request(program), options(token, program))
        .await
    {
        Ok(stream) => stream,
        Err(error) => return not_started(&error),
    };
    let outputs = futures::stream::unfold(Some(stream), |stream| async {
        let mut stream = stream?;
        loop {
            let output = match stream.message::<StartResponse>().await {
                Ok(Some(message)) => output(message.to_owned_message()),
                Ok(None) => return None,
                Err(error) => match not_started(&error) {
                    Ok(mut outputs) => return outputs.next().await.map(|output| (output, None)),
                    Err(fault) => return Some((Err(fault), None)),
                },
            };
            match output {
                Some(Output::End(status)) => return Some((Ok(Output::End(status)), None)),
                Some(output) => return Some((Ok(output), Some(stream))),
                None => {}
            }
        }
    });
    Ok(outputs.boxed())
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
        stdin: Some(false),
        ..StartRequest::default()
    }
}

fn options(token: &str, program: &Program) -> CallOptions {
    let deadline = u64::from(program.timeout_sec) * 1000;
    let options = CallOptions::default()
        .with_header(ACCESS_TOKEN_HEADER, token)
        .with_header(PROCESS_HEADER, program.process.as_str())
        .with_header(TIMEOUT_HEADER, deadline.to_string());
    match &program.user {
        Some(user) => {
            let basic = BASE64_STANDARD.encode(format!("{user}:"));
            options.with_header("authorization", format!("Basic {basic}"))
        }
        None => options,
    }
}

/// What the agent says of a program that it would not run is the program's end; anything else is a broken guest.
fn not_started(error: &ConnectError) -> Result<Outputs, Fault> {
    match error.code {
        ErrorCode::NotFound
        | ErrorCode::InvalidArgument
        | ErrorCode::PermissionDenied
        | ErrorCode::ResourceExhausted
        | ErrorCode::FailedPrecondition => {
            let reason = error.message.clone().unwrap_or_else(|| error.to_string());
            let end = Ok(Output::End(ExitStatus::NotStarted { reason }));
            Ok(futures::stream::once(async { end }).boxed())
        }
        _ => Err(Fault::of(STEP, error)),
    }
}

fn output(response: StartResponse) -> Option<Output> {
    let event = response.event.into_option()?.event?;
    match event {
        Event::Data(data) => match data.output? {
            data_event::Output::Stdout(bytes) => Some(Output::Data(Channel::Stdout, bytes)),
            data_event::Output::Stderr(bytes) | data_event::Output::Pty(bytes) => {
                Some(Output::Data(Channel::Stderr, bytes))
            }
        },
        Event::End(end) => Some(Output::End(status(&end))),
        Event::Start(_) | Event::Keepalive(_) => None,
    }
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
