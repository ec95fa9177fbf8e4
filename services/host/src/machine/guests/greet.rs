//! Waiting for a guest's first answer, and telling it what it needs to know.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use roost_runtime::port::{Fault, Greeting};
use roost_schemas::envd::PORT;
use roost_schemas::{Digest, SandboxId};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::call::{Answer, Call, CallError};

const STEP: &str = "greet the guest";
/// How long a guest that accepted a connection may take to answer: an emulated one is slow while it still boots, and one
/// that wakes waits for the pages it needs.
const ANSWER: Duration = Duration::from_secs(10);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(10);
/// How old the time may be by which a restored guest has set its clock: under load its first request takes seconds.
const FRESH: Duration = Duration::from_millis(400);
/// How often a guest is told the time again whose answers take longer.
const TELLINGS: u32 = 3;
/// Random bytes that a restored guest's kernel is given: more than the seed of its generator has.
const ENTROPY: usize = 64;

/// As whom programs run that name nobody, which is what E2B's SDKs expect. In a template without this user it is root.
const USER: &str = "user";

/// Asks `/health` until it answers, for at most `patience`.
pub(super) async fn until_ready(address: IpAddr, patience: Duration) -> Result<(), Fault> {
    const STEP: &str = "wait for the guest";
    let deadline = Instant::now() + patience;
    let mut last = String::from("nothing was tried");
    while Instant::now() < deadline {
        let call = Call {
            address,
            method: Method::GET,
            path: "/health",
            token: None,
            body: Bytes::new(),
            patience: ANSWER,
        };
        match call.send().await {
            Ok(answer) if answer.status.is_success() => return Ok(()),
            Ok(Answer { status, body }) => last = format!("/health answered {status}: {body}"),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let detail = format!("no answer from its agent at {address}:{PORT} within {patience:?}; last: {last}");
    Err(Fault::timed_out(STEP, detail))
}

/// Tells the guest the time, its variables, its user and its access token, and that its host will follow its audit feed.
pub(super) async fn booted(address: IpAddr, greeting: &Greeting, token: &str) -> Result<(), Fault> {
    answered(init(address, greeting, token, None).await)
}

/// The same for a guest that wakes from a snapshot, which is also told what makes it another than all that wake from the
/// same. For at most `patience`, one that takes no connections is taken for one that is about to.
pub(super) async fn restored(
    address: IpAddr,
    greeting: &Greeting,
    token: &str,
    patience: Duration,
) -> Result<(), Fault> {
    let identity = identity(&greeting.sandbox)?;
    let began = Instant::now();
    loop {
        let told = Instant::now();
        match init(address, greeting, token, Some(&identity)).await {
            Err(CallError::NoConnection(reason)) if began.elapsed() < patience => {
                tracing::trace!(%address, reason, "the guest is not awake yet");
            }
            Err(error @ CallError::NoConnection(_)) => return Err(Fault::timed_out(STEP, error)),
            answer => {
                let ms = began.elapsed().as_millis();
                tracing::debug!(sandbox = %greeting.sandbox, ms, "greeted");
                answered(answer)?;
                return set_right(address, greeting, token, told).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells a guest the time again that may have heard too late what it was `told`. By now it has at hand what it needs.
async fn set_right(
    address: IpAddr,
    greeting: &Greeting,
    token: &str,
    mut told: Instant,
) -> Result<(), Fault> {
    for _ in 0..TELLINGS {
        if told.elapsed() <= FRESH {
            break;
        }
        told = Instant::now();
        booted(address, greeting, token).await?;
    }
    Ok(())
}

async fn init(
    address: IpAddr,
    greeting: &Greeting,
    token: &str,
    restored: Option<&Value>,
) -> Result<Answer, CallError> {
    let mut body = json!({
        "accessToken": token,
        "defaultUser": USER,
        "envVars": greeting.env,
        "audit": true,
        "timestamp": Timestamp::now().to_string(),
    });
    if let Some(restored) = restored {
        body["restored"] = restored.clone();
    }
    let call = Call {
        address,
        method: Method::POST,
        path: "/init",
        token: None,
        body: Bytes::from(body.to_string()),
        patience: ANSWER,
    };
    call.send().await
}

fn answered(answer: Result<Answer, CallError>) -> Result<(), Fault> {
    match answer {
        Ok(Answer { status, .. }) if status == StatusCode::NO_CONTENT => Ok(()),
        Ok(Answer { status, body }) => Err(Fault::new(STEP, format!("/init answered {status}: {body}"))),
        Err(error) => Err(error.fault(STEP)),
    }
}

/// Who a restored guest is from now on: its name, its machine id (32 hexadecimal digits, the same whenever this sandbox
/// wakes), and fresh randomness.
fn identity(sandbox: &SandboxId) -> Result<Value, Fault> {
    let mut entropy = [0; ENTROPY];
    let filled = rustix::rand::getrandom(&mut entropy, rustix::rand::GetRandomFlags::empty());
    // Up to 256 bytes come whole, once the kernel's generator is seeded (getrandom(2)).
    match filled {
        Ok(ENTROPY) => {}
        Ok(short) => return Err(Fault::new(STEP, format!("the kernel gave {short} random bytes"))),
        Err(error) => return Err(Fault::of(STEP, &error)),
    }
    let machine = Digest::of(format!("roost machine id of {sandbox}").as_bytes());
    let mut head = [0; 16];
    head.copy_from_slice(&machine.as_bytes()[..16]);
    Ok(json!({
        "hostname": sandbox,
        "machineId": format!("{:032x}", u128::from_be_bytes(head)),
        "entropy": BASE64_STANDARD.encode(entropy),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_guest_keeps_its_name_and_never_its_randomness() {
        let of = |id: &str| identity(&SandboxId::new(id).unwrap()).unwrap();
        let (first, again, other) = (of("sb1"), of("sb1"), of("sb2"));
        assert_eq!(first["hostname"], "sb1");
        let machine = first["machineId"].as_str().unwrap();
        assert!(machine.len() == 32 && machine.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(first["machineId"], again["machineId"]);
        assert_ne!(first["machineId"], other["machineId"]);
        assert_ne!(first["entropy"], again["entropy"]);
        let entropy = BASE64_STANDARD
            .decode(first["entropy"].as_str().unwrap())
            .unwrap();
        assert_eq!(entropy.len(), ENTROPY);
    }
}
