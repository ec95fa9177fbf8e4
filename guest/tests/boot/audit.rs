//! The audit feed: nothing that clients start runs before it is recorded.

use std::net::SocketAddr;

use connectrpc::ErrorCode;
use connectrpc::client::CallOptions;
use http::StatusCode;
use roost_schemas::audit::{Answer, Fact, Notice, PATH, PROTOCOL, Verdict};
use roost_schemas::envd::PROCESS_HEADER;
use roost_schemas::event::ExitStatus;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::agent::{Codec, bash, command, is_healthy, post, run, run_with, send};
use crate::vm::Vm;

/// The host's end.
struct Feed(BufReader<TcpStream>);

impl Feed {
    async fn connect(agent: SocketAddr) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(agent).await.unwrap());
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: guest\r\nConnection: upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Self(stream)
    }

    async fn notice(&mut self) -> Notice {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    async fn answer(&mut self, number: u64, verdict: Verdict) {
        let mut line = serde_json::to_vec(&Answer { number, verdict }).unwrap();
        line.push(b'\n');
        self.0.write_all(&line).await.unwrap();
    }

    async fn ended(&mut self) -> roost_schemas::audit::Ended {
        let notice = self.notice().await;
        self.answer(notice.number, Verdict::Recorded).await;
        match notice.fact {
            Fact::Ended(ended) => ended,
            Fact::Starting(other) => panic!("{other:?} starts"),
        }
    }
}

#[tokio::test]
async fn what_clients_start_is_recorded_first() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let demanded = post(agent, "/init", "application/json", br#"{"audit":true}"#);
    assert_eq!(send(demanded).await.0, StatusCode::NO_CONTENT);
    let mut feed = Feed::connect(agent).await;

    let running = tokio::spawn(async move { run(agent, bash("echo out; echo err >&2; exit 3")).await });
    let notice = feed.notice().await;
    let Fact::Starting(starting) = notice.fact else {
        panic!("not a start")
    };
    assert_eq!(
        (starting.cmd.as_str(), starting.user.as_str(), starting.pty),
        ("bash", "root", false)
    );
    assert_eq!(starting.args, ["-c", "echo out; echo err >&2; exit 3"]);
    assert!(!running.is_finished());
    feed.answer(notice.number, Verdict::Recorded).await;
    assert_eq!(running.await.unwrap().unwrap().end.exit_code, 3);
    let ended = feed.ended().await;
    assert_eq!(
        (&ended.process, &ended.status),
        (&starting.process, &ExitStatus::Exited { code: 3 })
    );
    assert_eq!((ended.stdout_bytes, ended.stderr_bytes), (4, 4));

    let refused = tokio::spawn(async move { run(agent, bash("touch /tmp/ran")).await });
    let number = feed.notice().await.number;
    feed.answer(number, Verdict::Refused("the sandbox is stopping".into()))
        .await;
    let error = refused.await.unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::FailedPrecondition);
    assert!(error.to_string().contains("stopping"), "{error}");

    let missing = tokio::spawn(async move { run(agent, command("no-such-program", &[])).await });
    let number = feed.notice().await.number;
    // Told again, on the connection that counts now.
    let mut feed = Feed::connect(agent).await;
    assert_eq!(feed.notice().await.number, number);
    feed.answer(number, Verdict::Recorded).await;
    assert_eq!(missing.await.unwrap().unwrap_err().code, ErrorCode::NotFound);
    assert!(matches!(feed.ended().await.status, ExitStatus::NotStarted { .. }));

    // What the host starts is recorded already: the next notice is another's.
    let by_host = CallOptions::default().with_header(PROCESS_HEADER, "p1");
    let script = format!(
        "ls /tmp/ran; exec 3<>/dev/tcp/127.0.0.1/49983; \
        printf 'GET {PATH} HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: {PROTOCOL}\\r\\nConnection: upgrade\\r\\n\\r\\n' >&3; head -1 <&3"
    );
    let outcome = run_with(agent, Codec::Json, bash(&script), by_host)
        .await
        .unwrap();
    assert!(outcome.text().starts_with("HTTP/1.1 403"), "{}", outcome.text());

    let left = tokio::spawn(async move { run(agent, command("sleep", &["1000"])).await });
    let notice = feed.notice().await;
    feed.answer(notice.number, Verdict::Recorded).await;
    let by_host = CallOptions::default().with_header(PROCESS_HEADER, "p2");
    let kill = "while ! pidof sleep; do :; done; kill -KILL $(head -1 /sys/fs/cgroup/agent/cgroup.procs)";
    let killed = run_with(agent, Codec::Json, bash(kill), by_host).await;
    assert!(killed.is_err() && left.await.unwrap().is_err());
    while !is_healthy(agent).await {}
    let mut feed = Feed::connect(agent).await;
    let ended = feed.ended().await;
    assert!(matches!(ended.status, ExitStatus::Unknown { .. }), "{ended:?}");
    let Fact::Starting(starting) = notice.fact else {
        panic!("not a start")
    };
    assert_eq!(ended.process, starting.process);

    drop(feed);
    let error = run(agent, bash("touch /tmp/ran")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
}
