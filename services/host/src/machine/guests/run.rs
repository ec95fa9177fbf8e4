//! Running a program by `process.Process/Start`.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use futures::StreamExt;
use roost_runtime::port::{Fault, Output, Outputs, Program};
use roost_schemas::command::PtySize;
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::process_event::{EndEvent, KeepAlive};
use roost_schemas::envd::process::pty::Size;
use roost_schemas::envd::process::{PTY, ProcessClient, ProcessConfig, StartRequest, StartResponse};
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
        Err(error) => return end(&error).map(|end| futures::stream::iter([Ok(end)]).boxed()),
    };
    let outputs = futures::stream::unfold(Some(stream), |stream| async {
        let mut stream = stream?;
        match stream.message::<StartResponse>().await {
            Ok(Some(message)) => {
                let outputs = outputs(message.to_owned_message());
                let ended = matches!(outputs[..], [Output::End(_)]);
                Some((outputs.into_iter().map(Ok).collect(), (!ended).then_some(stream)))
            }
            Ok(None) => None,
            Err(error) => Some((vec![end(&error)], None)),
        }
    });
    Ok(outputs.flat_map(futures::stream::iter).boxed())
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

fn outputs(response: StartResponse) -> Vec<Output> {
    let Some(event) = response.event.into_option().and_then(|event| event.event) else {
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
