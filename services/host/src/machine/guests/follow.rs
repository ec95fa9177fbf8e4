//! Following a program that runs already, by `process.Process/Connect`.

use std::net::IpAddr;

use connectrpc::client::CallOptions;
use connectrpc::{ConnectError, ErrorCode};
use futures::{StreamExt, stream};
use roost_runtime::port::{Fault, Output, Outputs};
use roost_schemas::ProcessId;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use roost_schemas::envd::process::__buffa::oneof::process_selector::Selector;
use roost_schemas::envd::process::{ConnectRequest, ConnectResponse, ProcessSelector};
use roost_schemas::event::ExitStatus;

use super::{outputs, run};

const STEP: &str = "follow a program";

pub(super) async fn follow(address: IpAddr, token: &str, process: &ProcessId) -> Result<Outputs, Fault> {
    let client = run::client(STEP, address)?;
    let options = CallOptions::default().with_header(ACCESS_TOKEN_HEADER, token);
    let stream = match client.connect_with_options(request(process), options).await {
        Ok(stream) => stream,
        Err(error) => return end(&error).map(|end| stream::iter([Ok(end)]).boxed()),
    };
    let events = stream::unfold(stream, |mut stream| async {
        let message = stream.message::<ConnectResponse>().await.transpose()?;
        let event = message.map(|message| message.to_owned_message().event.into_option());
        Some((event, stream))
    });
    Ok(outputs::of(events, end))
}

/// A program's tag is its id: its start gave it that.
fn request(process: &ProcessId) -> ConnectRequest {
    let selector = ProcessSelector {
        selector: Some(Selector::Tag(process.to_string())),
    };
    ConnectRequest {
        process: selector.into(),
    }
}

/// A program that the agent does not know has ended, and nobody can tell how; anything else is a broken guest.
fn end(error: &ConnectError) -> Result<Output, Fault> {
    match error.code {
        ErrorCode::NotFound => Ok(Output::End(ExitStatus::Unknown {
            reason: "it ended while nobody followed it".to_owned(),
        })),
        _ => Err(Fault::of(STEP, error)),
    }
}
