//! `StreamInput`: input in order, through one client stream.
//!
//! ```text
//! start ─▶ data, keepalive … ─▶ end of stream
//! ```

use std::sync::Arc;

use connectrpc::{ConnectError, InboundStream, Response, ServiceResult};
use futures::StreamExt;
use roost_schemas::envd::process::stream_input_request::Event;
use roost_schemas::envd::process::{StreamInputRequest, StreamInputResponse};

use super::registry::Registry;
use super::running::Running;

/// Feeds the process as fast as it reads; the end of the stream leaves its input open.
pub(super) async fn answer(
    registry: &Registry,
    mut requests: InboundStream<StreamInputRequest>,
) -> ServiceResult<StreamInputResponse> {
    let mut process: Option<Arc<Running>> = None;
    while let Some(request) = requests.next().await {
        let event = request?.to_owned_message().event;
        process = match (event, process) {
            (Some(Event::Start(start)), None) => Some(registry.find(&start.process)?),
            (Some(Event::Start(_)), Some(_)) => {
                return Err(wrong("a second `start`: the stream has its process already"));
            }
            (Some(Event::Data(data)), Some(process)) => {
                let input = data.input.into_option().and_then(|input| input.input);
                process.send(input).await?;
                Some(process)
            }
            (Some(Event::Data(_)), None) => {
                return Err(wrong("`data` before `start`: name the process first"));
            }
            (Some(Event::Keepalive(_)), process) => process,
            (None, _) => {
                return Err(wrong("an empty message: set `start`, `data` or `keepalive`"));
            }
        };
    }
    Ok(Response::new(StreamInputResponse::default()))
}

fn wrong(message: &str) -> ConnectError {
    ConnectError::invalid_argument(message)
}
