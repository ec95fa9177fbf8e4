//! `/quiesce` and `/wake`: a guest at rest.

use std::net::SocketAddr;
use std::time::Duration;

use connectrpc::client::CallOptions;
use http::{Request, StatusCode};
use http_body_util::Full;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;

use crate::agent::{Codec, bash, is_healthy, post, run, run_with, send};
use crate::call::Call;
use crate::vm::Vm;

/// Counts, and says so from time to time.
const BUSY: &str = "i=0; while :; do let i++; let 'i % 5000' || echo $i; done";

/// Long enough for a program that runs to be seen running.
const WHILE: Duration = Duration::from_millis(500);

async fn ask(agent: SocketAddr, path: &str) -> StatusCode {
    send(post(agent, path, "application/json", b"")).await.0
}

/// Microseconds that users' programs have had of the processor.
async fn spent(agent: SocketAddr) -> u64 {
    let request = Request::get(format!(
        "http://{agent}/files?path=/sys/fs/cgroup/user/cpu.stat&username=root"
    ));
    let (status, body) = send(request.body(Full::new(&b""[..])).unwrap()).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    usage.unwrap().parse().unwrap()
}

#[tokio::test]
async fn users_programs_stand_still_until_they_are_woken() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let mut busy = Call::start(agent, bash(BUSY)).await;
    for round in 0..2 {
        busy.until("\n").await;
        run(agent, bash(&format!("echo this-is-round-{round} >/root/note")))
            .await
            .unwrap();
        for _ in 0..2 {
            assert_eq!(ask(agent, "/quiesce").await, StatusCode::NO_CONTENT);
        }
        assert!(vm.drive_holds(&format!("this-is-round-{round}")));
        let before = spent(agent).await;
        tokio::time::sleep(WHILE).await;
        assert_eq!(spent(agent).await, before);
        let waiting = tokio::spawn(async move { run(agent, bash("echo awake")).await });
        tokio::time::sleep(WHILE).await;
        assert!(!waiting.is_finished(), "what is started at rest waits");
        for _ in 0..2 {
            assert_eq!(ask(agent, "/wake").await, StatusCode::NO_CONTENT);
        }
        assert_eq!(waiting.await.unwrap().unwrap().text(), "awake");
        assert!(spent(agent).await > before);
    }

    let get = Request::get(format!("http://{agent}/quiesce"));
    let (status, _) = send(get.body(Full::new(&b""[..])).unwrap()).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let from_inside = "for path in quiesce wake; do exec 3<>/dev/tcp/127.0.0.1/49983; \
        printf \"POST /$path HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 0\\r\\n\\r\\n\" >&3; head -1 <&3; done";
    let refused = run(agent, bash(from_inside)).await.unwrap();
    assert_eq!(refused.text().matches("403").count(), 2, "{}", refused.text());
}

#[tokio::test]
async fn rest_outlives_the_agent_and_takes_the_token() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let _busy = Call::start(agent, bash(BUSY)).await;
    // Root can leave the group that is frozen; here that is of use.
    let script = "echo 0 >/sys/fs/cgroup/cgroup.procs; (while ! [ -e /tmp/now ]; do sleep 0.1; done; \
        kill -KILL $(head -1 /sys/fs/cgroup/agent/cgroup.procs)) >/dev/null 2>&1 &";
    run(agent, bash(script)).await.unwrap();
    assert_eq!(ask(agent, "/quiesce").await, StatusCode::NO_CONTENT);
    let now = post(agent, "/files?path=/tmp/now", "application/octet-stream", b"");
    assert_eq!(send(now).await.0, StatusCode::OK);
    while !vm.console().contains("the agent ended") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while !is_healthy(agent).await {}
    let before = spent(agent).await;
    tokio::time::sleep(WHILE).await;
    assert_eq!(spent(agent).await, before, "the new agent lets them stand");

    let token = br#"{"accessToken":"secret"}"#;
    assert_eq!(
        send(post(agent, "/init", "application/json", token)).await.0,
        StatusCode::NO_CONTENT
    );
    for path in ["/quiesce", "/wake"] {
        assert_eq!(ask(agent, path).await, StatusCode::UNAUTHORIZED);
        let mut request = post(agent, path, "application/json", b"");
        let headers = request.headers_mut();
        headers.insert(ACCESS_TOKEN_HEADER, "secret".parse().unwrap());
        assert_eq!(send(request).await.0, StatusCode::NO_CONTENT);
    }
    let admitted = CallOptions::default().with_header(ACCESS_TOKEN_HEADER, "secret");
    let outcome = run_with(agent, Codec::Json, bash("echo awake"), admitted).await;
    assert_eq!(outcome.unwrap().text(), "awake");
}
