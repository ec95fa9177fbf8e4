//! Processes that run: listed, fed, signalled, connected to.

use std::net::SocketAddr;
use std::time::Duration;

use connectrpc::ErrorCode::{DeadlineExceeded, FailedPrecondition, InvalidArgument, NotFound};
use connectrpc::client::CallOptions;
use connectrpc::stream_iter;
use roost_schemas::envd::process::stream_input_request::{DataEvent, Event, KeepAlive, StartEvent};
use roost_schemas::envd::process::{
    ProcessInput, Signal, StartRequest, StreamInputRequest, UpdateRequest, pty,
};
use roost_schemas::envd::{PROCESS_HEADER, TIMEOUT_HEADER};

use crate::agent::{Codec, bash, client, command, run};
use crate::call::{Call, close, list, meant, pid, send, signal, stdin, tag, typed};
use crate::vm::Vm;

fn tagged(mut request: StartRequest, tag: &str) -> StartRequest {
    request.tag = Some(tag.into());
    request.stdin = Some(true);
    request
}

#[tokio::test]
async fn a_running_process_is_listed_fed_signalled_and_followed() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    input_reaches_it_in_order_until_it_is_closed(agent).await;
    what_does_not_fit_is_refused(agent).await;
    signals_reach_what_a_shell_runs(agent).await;
    it_outlives_its_clients_connection(agent).await;
    a_deadline_of_connect_is_the_calls_own(agent).await;
    the_hosts_id_is_the_tag(agent).await;
    input_that_nobody_reads_waits_and_is_bounded(agent).await;
    assert!(list(agent).await.is_empty());
}

async fn input_reaches_it_in_order_until_it_is_closed(agent: SocketAddr) {
    let mut call = Call::start(agent, tagged(command("cat", &["-"]), "feline")).await;
    let [listed] = <[_; 1]>::try_from(list(agent).await).unwrap();
    assert_eq!((listed.pid, listed.tag.as_deref()), (call.pid, Some("feline")));
    assert_eq!(
        (listed.config.cmd.as_str(), listed.config.args.as_slice()),
        ("cat", &["-".to_owned()][..])
    );

    send(agent, tag("feline"), stdin("one ")).await.unwrap();
    send(agent, pid(call.pid), stdin("two ")).await.unwrap();
    let start = StartEvent {
        process: meant(pid(call.pid)).into(),
    };
    let pieces = [
        start.into(),
        data("three "),
        KeepAlive::default().into(),
        data("four"),
    ];
    stream(agent, pieces.into()).await.unwrap();
    assert_eq!(call.until("four").await, "one two three four");

    let client = client(agent, Codec::Binary);
    for _ in 0..2 {
        // The second may come after the end.
        let closed = close(&client, pid(call.pid)).await;
        assert!(matches!(closed, Ok(()) | Err(NotFound)), "{closed:?}");
    }
    let number = call.pid;
    assert!(call.rest().await.end.exited);
    assert_eq!(send(agent, pid(number), stdin("late")).await, Err(NotFound));
    let again = Call::connect(agent, tag("feline")).await.unwrap().rest().await;
    assert_eq!(
        (again.output.as_slice(), again.end.exit_code),
        (&b"one two three four"[..], 0)
    );
}

fn data(text: &str) -> Event {
    let input = ProcessInput {
        input: Some(stdin(text)),
    };
    DataEvent { input: input.into() }.into()
}

async fn stream(agent: SocketAddr, events: Vec<Event>) -> Result<(), connectrpc::ErrorCode> {
    let requests = events
        .into_iter()
        .map(|event| StreamInputRequest { event: Some(event) });
    let sent = client(agent, Codec::Json)
        .stream_input(stream_iter(requests))
        .await;
    sent.map(drop).map_err(|error| error.code)
}

async fn what_does_not_fit_is_refused(agent: SocketAddr) {
    let call = Call::start(agent, command("sleep", &["1000"])).await;
    let own = || pid(call.pid);
    assert_eq!(send(agent, pid(999_999), stdin("x")).await, Err(NotFound));
    assert_eq!(send(agent, own(), stdin("x")).await, Err(FailedPrecondition));
    assert_eq!(send(agent, own(), typed("x")).await, Err(FailedPrecondition));
    assert_eq!(stream(agent, vec![data("x")]).await, Err(InvalidArgument));
    assert_eq!(
        signal(agent, own(), Signal::SIGNAL_UNSPECIFIED).await,
        Err(InvalidArgument)
    );
    let size = pty::Size { cols: 1, rows: 1 };
    let request = UpdateRequest {
        process: meant(own()).into(),
        pty: roost_schemas::envd::process::PTY { size: size.into() }.into(),
    };
    let error = client(agent, Codec::Json).update(request).await.unwrap_err();
    assert_eq!(error.code, FailedPrecondition);
    let nobody = Call::connect(agent, tag("nobody")).await.err().unwrap();
    assert_eq!(nobody.code, NotFound);
    signal(agent, own(), Signal::SIGNAL_SIGKILL).await.unwrap();
    assert_eq!(call.rest().await.end.status, "signal: killed");
}

async fn signals_reach_what_a_shell_runs(agent: SocketAddr) {
    let mut call = Call::start(agent, bash("echo ready; sleep 1000; echo not reached")).await;
    call.until("ready").await;
    signal(agent, pid(call.pid), Signal::SIGNAL_SIGTERM)
        .await
        .unwrap();
    let rest = call.rest().await;
    assert_eq!(
        (rest.end.status.as_str(), rest.output.as_slice()),
        ("signal: terminated", &b""[..])
    );
    assert_eq!(run(agent, bash("pidof sleep")).await.unwrap().text(), "");
}

async fn it_outlives_its_clients_connection(agent: SocketAddr) {
    let zero = CallOptions::default().with_header(TIMEOUT_HEADER, "0");
    let request = tagged(bash("read line; echo got $line"), "orphan");
    drop(Call::start_with(agent, request, zero).await.unwrap());
    send(agent, tag("orphan"), stdin("it\n")).await.unwrap();
    let rest = Call::connect(agent, tag("orphan")).await.unwrap().rest().await;
    assert_eq!(
        (rest.output.as_slice(), rest.end.exit_code),
        (&b"got it\n"[..], 0)
    );
}

async fn a_deadline_of_connect_is_the_calls_own(agent: SocketAddr) {
    let call = Call::start(agent, command("sleep", &["1000"])).await;
    let soon = CallOptions::default().with_header(TIMEOUT_HEADER, "2000");
    let mut other = Call::connect_with(agent, pid(call.pid), soon).await.unwrap();
    assert_eq!(other.next().await.unwrap_err().code, DeadlineExceeded);
    signal(agent, pid(call.pid), Signal::SIGNAL_SIGKILL)
        .await
        .unwrap();
    call.rest().await;
}

async fn the_hosts_id_is_the_tag(agent: SocketAddr) {
    let known = CallOptions::default().with_header(PROCESS_HEADER, "p123");
    let call = Call::start_with(agent, command("sleep", &["1000"]), known)
        .await
        .unwrap();
    signal(agent, tag("p123"), Signal::SIGNAL_SIGKILL).await.unwrap();
    call.rest().await;
    let wrong = CallOptions::default().with_header(PROCESS_HEADER, "../p");
    let error = Call::start_with(agent, bash("true"), wrong).await.err().unwrap();
    assert_eq!(error.code, InvalidArgument);
}

async fn input_that_nobody_reads_waits_and_is_bounded(agent: SocketAddr) {
    const SENDERS: u32 = 12;
    const PAUSE: Duration = Duration::from_millis(100);
    let call = Call::start(agent, tagged(command("sleep", &["1000"]), "deaf")).await;
    // More than a pipe holds, and more of them than may wait.
    let flood = "x".repeat(128 << 10);
    let sent = (0..SENDERS).map(|turn| {
        let piece = stdin(&flood);
        async move {
            // One after the other: QEMU's network resets connections that come all at once.
            tokio::time::sleep(PAUSE * turn).await;
            send(agent, tag("deaf"), piece).await
        }
    });
    let kill = async {
        tokio::time::sleep(PAUSE * (SENDERS + 20)).await;
        signal(agent, tag("deaf"), Signal::SIGNAL_SIGKILL).await.unwrap();
    };
    let (sent, ()) = tokio::join!(futures::future::join_all(sent), kill);
    // Those that waited learn that the pipe broke or that the process ended, whichever is seen first.
    let gone = |sent: &&Result<(), _>| matches!(sent, Err(NotFound | FailedPrecondition));
    let waited = sent.iter().filter(gone).count();
    let refused = sent
        .iter()
        .filter(|sent| **sent == Err(connectrpc::ErrorCode::ResourceExhausted))
        .count();
    assert!(
        waited > 0 && refused > 0 && waited + refused == sent.len(),
        "{sent:?}"
    );
    call.rest().await;
}
