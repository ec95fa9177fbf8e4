//! Terminals.

use std::net::SocketAddr;

use connectrpc::ErrorCode::{FailedPrecondition, InvalidArgument};
use connectrpc::client::CallOptions;
use roost_schemas::envd::process::{PTY, Signal, StartRequest, UpdateRequest, pty};

use crate::agent::{Codec, bash, client};
use crate::call::{Call, close, meant, pid, send, signal, stdin, typed};
use crate::vm::Vm;

fn size(cols: u32, rows: u32) -> PTY {
    let size = pty::Size { cols, rows };
    PTY { size: size.into() }
}

fn on_terminal(mut request: StartRequest, cols: u32, rows: u32) -> StartRequest {
    request.stdin = None;
    request.pty = size(cols, rows).into();
    request
}

#[tokio::test]
async fn a_terminal_is_real() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    it_has_a_size_an_owner_and_a_session(agent).await;
    keys_are_typed_and_echoed(agent).await;
    much_goes_through(agent).await;
    its_end_hangs_up(agent).await;
}

async fn it_has_a_size_an_owner_and_a_session(agent: SocketAddr) {
    let script = "stty size; stat -c %U $(tty); [ -t 0 -a -t 1 -a -t 2 ] && echo $TERM; \
        echo through >/dev/tty; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.1; done";
    let as_user = CallOptions::default().with_header("authorization", "Basic dXNlcjo=");
    let request = on_terminal(bash(script), 100, 40);
    let mut call = Call::start_with(agent, request, as_user).await.unwrap();
    let text = call.until("ready").await;
    assert!(
        text.starts_with("40 100\r\nuser\r\nxterm-256color\r\nthrough\r\n"),
        "{text:?}"
    );

    let client = client(agent, Codec::Json);
    let update = |pty: PTY| {
        client.update(UpdateRequest {
            process: meant(pid(call.pid)).into(),
            pty: pty.into(),
        })
    };
    assert_eq!(update(size(70_000, 50)).await.unwrap_err().code, InvalidArgument);
    update(size(120, 50)).await.unwrap();
    assert_eq!(close(&client, pid(call.pid)).await, Err(FailedPrecondition));
    assert_eq!(
        send(agent, pid(call.pid), stdin("x")).await,
        Err(FailedPrecondition)
    );
    let rest = call.rest().await;
    assert_eq!(
        (rest.end.exit_code, String::from_utf8_lossy(&rest.output).trim()),
        (5, "50 120")
    );
}

async fn keys_are_typed_and_echoed(agent: SocketAddr) {
    let mut call = Call::start(agent, on_terminal(bash("cat; echo end"), 80, 24)).await;
    send(agent, pid(call.pid), typed("hello\n")).await.unwrap();
    assert_eq!(call.until("hello\r\nhello\r\n").await, "hello\r\nhello\r\n");
    send(agent, pid(call.pid), typed("\x04")).await.unwrap();
    assert_eq!(call.rest().await.output, b"end\r\n");

    let mut call = Call::start(agent, on_terminal(bash("echo ready; sleep 1000"), 80, 24)).await;
    call.until("ready").await;
    send(agent, pid(call.pid), typed("\x03")).await.unwrap();
    assert_eq!(call.rest().await.end.status, "signal: interrupt");
}

async fn much_goes_through(agent: SocketAddr) {
    let script = "stty -echo -icanon -onlcr; echo ready; head -c 200000 | md5sum; seq 200000";
    let mut call = Call::start(agent, on_terminal(bash(script), 80, 24)).await;
    call.until("ready\n").await;
    let pasted = "0123456789".repeat(20_000);
    send(agent, pid(call.pid), typed(&pasted)).await.unwrap();
    let text = String::from_utf8(call.rest().await.output).unwrap();
    let expected: Vec<String> = (1..=200_000).map(|number| number.to_string()).collect();
    // The digest of what was pasted, computed apart from this.
    assert!(text.starts_with(PASTED_MD5), "{}", &text[..40]);
    assert!(text.trim_end().ends_with(&expected.join("\n")));
}

/// `python3 -c "import hashlib; print(hashlib.md5(b'0123456789' * 20000).hexdigest())"`
const PASTED_MD5: &str = "bcc4bfca43786497d970f7d3e2fdd455";

async fn its_end_hangs_up(agent: SocketAddr) {
    let script = "(trap 'echo hung up >/tmp/hup; exit' HUP; while :; do sleep 0.1; done) & echo ready; wait";
    let mut call = Call::start(agent, on_terminal(bash(script), 80, 24)).await;
    call.until("ready").await;
    signal(agent, pid(call.pid), Signal::SIGNAL_SIGKILL)
        .await
        .unwrap();
    assert_eq!(call.rest().await.end.status, "signal: killed");
    let left = crate::agent::run(agent, bash("ls /dev/pts")).await.unwrap();
    assert_eq!(left.text(), "ptmx", "no terminal is left open");
}
