//! `/init` of a guest that wakes from a snapshot: it becomes another. (What woke is told apart from what runs only by
//! what the host says, so these tests need no snapshot; `clones` takes one.)

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use connectrpc::client::CallOptions;
use http::StatusCode;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use roost_schemas::envd::process::StartRequest;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::agent::{Codec, Outcome, bash, post, run, run_with, send};
use crate::call::Call;
use crate::vm::Vm;

const JSON: &str = "application/json";

/// What the host tells a restored guest.
pub(crate) fn greeting(name: &str, digit: char, time: &str) -> Value {
    json!({
        "accessToken": format!("token of {name}"),
        "timestamp": time,
        "envVars": {"NAME": name},
        "restored": {
            "hostname": name,
            "machineId": digit.to_string().repeat(32),
            "entropy": format!("{digit}").repeat(88),
        },
    })
}

/// Sends it; answers with the status and the refusal's text.
pub(crate) async fn greet(agent: SocketAddr, greeting: &Value) -> (StatusCode, String) {
    let body = greeting.to_string().into_bytes().leak();
    let (status, body) = send(post(agent, "/init", JSON, body)).await;
    (status, String::from_utf8(body).unwrap())
}

/// Runs a command with the token of a sandbox.
pub(crate) async fn run_in(agent: SocketAddr, name: &str, script: &str) -> Outcome {
    let outcome = run_with(agent, Codec::Binary, bash(script), admitted(name)).await;
    outcome.unwrap()
}

fn admitted(name: &str) -> CallOptions {
    CallOptions::default().with_header(ACCESS_TOKEN_HEADER, format!("token of {name}"))
}

async fn start_in(agent: SocketAddr, name: &str, request: StartRequest) -> Call {
    Call::start_with(agent, request, admitted(name)).await.unwrap()
}

/// Asks the sandbox that is still called `first`.
async fn ask(agent: SocketAddr, path: &str) {
    let mut request = post(agent, path, JSON, b"");
    let token = "token of first".parse().unwrap();
    request.headers_mut().insert(ACCESS_TOKEN_HEADER, token);
    assert_eq!(send(request).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_restored_guest_is_another_before_its_programs_run_on() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let first = json!({"accessToken": "token of first", "timestamp": "2031-05-06T07:08:09Z"});
    assert_eq!(greet(agent, &first).await.0, StatusCode::NO_CONTENT);
    hooks_are_laid_out(agent).await;
    let before = run_in(agent, "first", "cat /run/roost/generation").await;

    let outside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = outside.local_addr().unwrap().port();
    let script = "nc -l -p 7000 >/root/inside & \
        while ! exec 4<>/dev/tcp/127.0.0.1/7000; do sleep 0.1; done 2>/dev/null; \
        exec 3<>/dev/tcp/169.254.0.22/PORT; echo one >&3; cat <&3 >/dev/null; echo ended with $? >/root/outside; \
        echo still open >&4";
    let script = script.replace("PORT", &port.to_string());
    let mut talker = start_in(agent, "first", bash(&script)).await;
    let (mut peer, _) = outside.accept().await.unwrap();
    let mut line = [0; 4];
    peer.read_exact(&mut line).await.unwrap();

    ask(agent, "/quiesce").await;
    // Backwards by years, as far as this guest can tell.
    let second = greeting("second", '2', "2020-01-02T03:04:05Z");
    assert_eq!(
        greet(agent, &second).await,
        (StatusCode::NO_CONTENT, String::new())
    );

    assert!(talker.next().await.is_err(), "the client's connection is closed");
    let error = run(agent, bash("true")).await.unwrap_err();
    assert_eq!(error.code, connectrpc::ErrorCode::Unauthenticated);
    let with_old = run_with(agent, Codec::Json, bash("true"), admitted("first")).await;
    assert_eq!(with_old.unwrap_err().code, connectrpc::ErrorCode::Unauthenticated);

    let script = "date -u +%Y-%m-%dT%H:%M; hostname; cat /etc/hostname /etc/machine-id; grep second /etc/hosts; \
        while ! [ -s /root/inside ]; do sleep 0.1; done; cat /root/outside /root/inside";
    let identity = run_in(agent, "second", script).await;
    let machine_id = "2".repeat(32);
    let expected = format!(
        "2020-01-02T03:04\nsecond\nsecond\n{machine_id}\n127.0.1.1\tsecond\nended with 1\nstill open"
    );
    assert_eq!(
        identity.text(),
        expected,
        "the connection to the outside was reset"
    );
    hooks_have_run(agent, &vm, "second", &machine_id).await;
    let after = run_in(agent, "second", "cat /run/roost/generation").await;
    assert_ne!(before.text(), after.text());

    // Again, forward, and without a rest before it, as after a crash.
    let third = greeting("third", '3', "2040-01-02T03:04:05Z");
    for _ in 0..2 {
        assert_eq!(greet(agent, &third).await.0, StatusCode::NO_CONTENT);
    }
    let identity = run_in(agent, "third", "date -u +%Y; hostname; cat /etc/hosts").await;
    assert!(identity.text().starts_with("2040\nthird\n"), "{identity:?}");
    assert!(!identity.text().contains("second"), "{identity:?}");
}

async fn hooks_are_laid_out(agent: SocketAddr) {
    let script = r"mkdir -p /etc/roost/restore.d; cd /etc/roost/restore.d
        printf '#!/bin/sh\necho fails >>/root/hooks; exit 3\n' >10-fails
        printf '#!/bin/sh\nsleep 1000 & echo $! >/root/left; echo $(id -u) $NAME $(hostname) $(cat /etc/machine-id) $(date -u +%%Y) >>/root/hooks\n' >20-tells
        printf '#!/bin/sh\nsleep 2000\n' >30-hangs
        printf 'never run' >40-is-no-program
        chmod +x [123]*";
    assert_eq!(run_in(agent, "first", script).await.end.exit_code, 0);
}

async fn hooks_have_run(agent: SocketAddr, vm: &Vm, name: &str, machine_id: &str) {
    let told = run_in(agent, name, "cat /root/hooks").await;
    assert_eq!(
        told.text(),
        format!("fails\n0 {name} {name} {machine_id} 2020"),
        "{}",
        vm.console()
    );
    let left = "cat /proc/$(cat /root/left)/cgroup; ls -d /sys/fs/cgroup/hook; ps | grep -c '[s]leep 2000'";
    let left = run_in(agent, name, left).await;
    assert_eq!(left.text(), "0::/user\n0", "taken over, and the slow one killed");
    for told in [
        "10-fails: it ended with exit status: 3",
        "30-hangs: it was killed",
    ] {
        assert!(vm.console().contains(told), "{}", vm.console());
    }
}

#[tokio::test]
async fn a_guest_that_cannot_become_another_stays_at_rest() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let first = json!({"accessToken": "token of first", "timestamp": "2031-05-06T07:08:09Z"});
    assert_eq!(greet(agent, &first).await.0, StatusCode::NO_CONTENT);
    run_in(agent, "first", "mv /dev/random /dev/away").await;
    ask(agent, "/quiesce").await;
    let second = greeting("second", '2', "2032-01-02T03:04:05Z");
    let (status, text) = greet(agent, &second).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text.contains("random numbers"), "{text}");
    let waiting =
        tokio::spawn(async move { run_in(agent, "first", "hostname; mv /dev/away /dev/random").await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished(), "programs run on");

    ask(agent, "/wake").await;
    assert_eq!(waiting.await.unwrap().text(), crate::vm::HOSTNAME);
    assert_eq!(
        greet(agent, &second).await,
        (StatusCode::NO_CONTENT, String::new())
    );
}

#[tokio::test]
async fn an_identity_that_is_none_is_refused_and_changes_nothing() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let first = json!({"accessToken": "token of first", "timestamp": "2031-05-06T07:08:09Z"});
    assert_eq!(greet(agent, &first).await.0, StatusCode::NO_CONTENT);
    let before = run_in(agent, "first", "cat /run/roost/generation").await;
    let right = greeting("second", '2', "2020-01-02T03:04:05Z");
    let without = |part: &str| {
        let mut greeting = right.clone();
        greeting.as_object_mut().unwrap().remove(part);
        greeting
    };
    let with = |part: &str, value: Value| {
        let mut greeting = right.clone();
        greeting["restored"][part] = value;
        greeting
    };
    for wrong in [
        without("accessToken"),
        without("timestamp"),
        with("hostname", json!("../second")),
        with("hostname", json!(2)),
        with("machineId", json!("2222")),
        with("machineId", Value::Null),
        with("entropy", json!("AAAA")),
        with(
            "entropy",
            json!("no base64 at all, but long enough for a seed of random bytes"),
        ),
        with("entropy", json!("A".repeat(1 << 20))),
    ] {
        let (status, text) = greet(agent, &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        assert!(text.len() < 1000, "{} bytes", text.len());
    }
    let huge = with("entropy", json!("A".repeat(5 << 20)));
    assert_eq!(greet(agent, &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let from_inside = format!(
        "exec 3<>/dev/tcp/169.254.0.21/49983; body='{right}'; \
        printf 'POST /init HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: %d\\r\\n\\r\\n%s' ${{#body}} \"$body\" >&3; head -1 <&3"
    );
    let refused = run_in(agent, "first", &from_inside).await;
    assert!(refused.text().contains("403"), "{refused:?}");
    let script = "date +%Y; hostname; cat /run/roost/generation";
    let after = run_in(agent, "first", script).await;
    let expected = format!("2031\n{}\n{}", crate::vm::HOSTNAME, before.text());
    assert_eq!(after.text(), expected);
}
