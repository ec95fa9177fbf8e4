//! Letting a guest come to rest before its vCPUs stop, and waking it when they go on.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use roost_runtime::port::Fault;

use super::call::{Answer, Call};

/// How long a guest may take to write to its drive what its programs have written: a full drive's worth at most.
const QUIESCE: Duration = Duration::from_secs(30);
/// How long it may take to let its programs run on.
const WAKE: Duration = Duration::from_secs(10);

pub(super) async fn quiesce(address: IpAddr, token: &str) -> Result<(), Fault> {
    post("let the guest come to rest", "/quiesce", address, token, QUIESCE).await
}

pub(super) async fn wake(address: IpAddr, token: &str) -> Result<(), Fault> {
    post("wake the guest", "/wake", address, token, WAKE).await
}

async fn post(
    step: &'static str,
    path: &'static str,
    address: IpAddr,
    token: &str,
    patience: Duration,
) -> Result<(), Fault> {
    let call = Call {
        address,
        method: Method::POST,
        path,
        token: Some(token),
        body: Bytes::new(),
        patience,
    };
    match call.send().await {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(Answer { status, body }) => Err(Fault::new(step, format!("{path} answered {status}: {body}"))),
        Err(error) => Err(error.fault(step)),
    }
}
