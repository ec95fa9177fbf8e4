//! `/files`: contents in both directions, as a real guest's agent serves them.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::agent::{bash, is_healthy, post as post_json, run, send as send_json};
use crate::vm::Vm;

const RAW: (&str, &str) = ("content-type", "application/octet-stream");
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn send<B>(agent: SocketAddr, method: Method, query: &str, headers: &[(&str, &str)], body: B) -> Answer
where
    B: hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + Sync + 'static,
{
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{agent}/files?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client =
        Client::builder(TokioExecutor::new()).build_http::<BoxBody<Bytes, std::convert::Infallible>>();
    let response = client.request(request.body(body.boxed()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn get(agent: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Answer {
    send(agent, Method::GET, query, headers, Full::default()).await
}

async fn post(agent: SocketAddr, query: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    send(agent, Method::POST, query, headers, Full::new(body.into())).await
}

/// What a command in the guest prints.
async fn shell(vm: &Vm, script: &str) -> String {
    let outcome = run(vm.agent(), bash(script)).await.unwrap();
    assert_eq!(outcome.end.exit_code, 0, "{script}: {outcome:?}");
    outcome.text().to_owned()
}

/// Bytes that no compression and no mix-up leaves alone.
fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

#[tokio::test]
async fn text_and_bytes_go_in_and_come_out_with_owner_and_metadata() {
    let vm = Vm::boot().await;
    let written = post(
        vm.agent(),
        "path=sub/a%20b.txt&username=user",
        &[RAW, ("x-metadata-author", "me")],
        "hello\n",
    )
    .await;
    assert_eq!(written.status, StatusCode::OK, "{written:?}");
    let path = "/home/user/sub/a b.txt";
    let expected =
        json!([{ "path": path, "name": "a b.txt", "type": "file", "metadata": { "author": "me" } }]);
    assert_eq!(written.json(), expected);
    let seen = shell(&vm, "stat -c '%U %G %a' /home/user/sub '/home/user/sub/a b.txt'").await;
    assert_eq!(seen, "user user 755\nuser user 644");

    // An old file keeps its mode, loses its metadata and its former length, and gets the new owner.
    shell(&vm, "chmod 700 '/home/user/sub/a b.txt'").await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhi\r\n--b--\r\n";
    let written = post(vm.agent(), "path=/home/user/sub/a%20b.txt", &[FORM], form).await;
    assert_eq!(written.json()[0].get("metadata"), None);
    let seen = shell(&vm, "stat -c '%U %a %s' '/home/user/sub/a b.txt'").await;
    assert_eq!(seen, "root 700 2");

    let bytes: Vec<u8> = (0..=255).collect();
    post(vm.agent(), "path=/tmp/bytes", &[RAW], bytes.clone()).await;
    assert_eq!(get(vm.agent(), "path=/tmp/bytes", &[]).await.body, bytes);
    let part = get(vm.agent(), "path=/tmp/bytes", &[("range", "bytes=-2")]).await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &[254, 255][..])
    );
    let beyond = get(vm.agent(), "path=/tmp/bytes", &[("range", "bytes=--5")]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn large_files_arrive_as_they_left() {
    let vm = Vm::boot().await;
    let bytes = Bytes::from(noise(64 << 20));
    let written = post(vm.agent(), "path=/root/large", &[RAW], bytes.clone()).await;
    assert_eq!(written.status, StatusCode::OK, "{written:?}");
    let read = get(vm.agent(), "path=/root/large", &[]).await;
    assert!(read.body == bytes, "64 MiB differ");
    let peak = shell(
        &vm,
        "for p in /proc/[0-9]*; do grep -qz agent $p/cmdline && grep -q guest $p/comm && grep VmHWM $p/status; done; true",
    )
    .await;
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 12 << 10, "the agent needed {kib} KiB");

    let zipped = get(vm.agent(), "path=/bin/bash", &[("accept-encoding", "gzip")]).await;
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    let back = post(
        vm.agent(),
        "path=/tmp/bash",
        &[RAW, ("content-encoding", "gzip")],
        zipped.body,
    )
    .await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    assert_eq!(shell(&vm, "cmp /bin/bash /tmp/bash && echo same").await, "same");
}

#[tokio::test]
async fn a_form_brings_many_files_and_a_broken_one_leaves_no_half() {
    let vm = Vm::boot().await;
    let part = |name: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let names: Vec<String> = (0..50).map(|number| format!("many/{number}.txt")).collect();
    let body: String = names.iter().map(|name| part(name, name)).collect();
    let written = post(vm.agent(), "username=user", &[FORM], body.clone() + "--b--\r\n").await;
    assert_eq!(written.json().as_array().unwrap().len(), 50);
    let seen = shell(
        &vm,
        "cat /home/user/many/49.txt; find /home/user/many -user user -type f | wc -l",
    )
    .await;
    assert_eq!(seen, "many/49.txt50");

    let cut = body + part("cut", "never").trim_end_matches("ver\r\n");
    let refused = post(vm.agent(), "username=user", &[FORM], cut).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    assert_eq!(shell(&vm, "ls /home/user").await, "many");

    let wish = br#"{"source_paths":["many/1.txt","many/2.txt"],"destination":"one","username":"user"}"#;
    let (status, body) = send_json(post_json(vm.agent(), "/files/compose", "application/json", wish)).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    assert_eq!(
        shell(&vm, "cat /home/user/one; stat -c ' %U' /home/user/one").await,
        "many/1.txtmany/2.txt user"
    );
}

#[tokio::test]
async fn a_full_disk_is_told_and_left_clean() {
    let vm = Vm::boot().await;
    shell(
        &vm,
        "mkdir /small && mount -t tmpfs -o size=4m tmpfs /small && echo old > /small/old",
    )
    .await;
    // Announced too large: nothing is touched.
    let claimed = refused_upload(vm.agent(), "/small/old", 10 << 30).await;
    assert!(claimed.starts_with("HTTP/1.1 507"), "{claimed}");
    assert_eq!(shell(&vm, "cat /small/old").await, "old");

    // Not announced: it is noticed on the way, and what was written is taken back.
    let frames = (0..64).map(|_| Ok(Frame::data(Bytes::from(vec![7; 256 << 10]))));
    let endless = StreamBody::new(stream::iter(frames));
    let refused = send(vm.agent(), Method::POST, "path=/small/new", &[RAW], endless).await;
    assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE, "{refused:?}");
    assert_eq!(refused.json()["code"], 507);
    assert_eq!(shell(&vm, "ls /small; du -sk /small | cut -f1").await, "old\n4");
    assert!(is_healthy(vm.agent()).await);
}

/// Announces an upload of `size` bytes, sends a few, and returns the beginning of the answer.
async fn refused_upload(agent: SocketAddr, path: &str, size: u64) -> String {
    let mut stream = TcpStream::connect(agent).await.unwrap();
    let head = format!(
        "POST /files?path={path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[0; 4096]).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_strange_ones_are_bounded() {
    let vm = Vm::boot().await;
    shell(
        &vm,
        "mkfifo /tmp/fifo; ln -s /tmp/fifo /tmp/link; ln -s loop /tmp/loop; mkdir /tmp/folder",
    )
    .await;
    for path in [
        "/dev/zero",
        "/dev/ttyS0",
        "/tmp/fifo",
        "/tmp/link",
        "/tmp/folder",
        "/proc/kcore",
        "/tmp/loop",
    ] {
        let read = get(vm.agent(), &format!("path={path}"), &[]).await;
        assert_eq!(read.status, StatusCode::BAD_REQUEST, "{path}: {read:?}");
        if path != "/proc/kcore" {
            let written = post(vm.agent(), &format!("path={path}"), &[RAW], "x").await;
            assert_eq!(written.status, StatusCode::BAD_REQUEST, "{path}: {written:?}");
        }
    }
    let version = get(vm.agent(), "path=/proc/version", &[]).await;
    assert!(version.body.starts_with(b"Linux version"), "{version:?}");
    let online = get(vm.agent(), "path=/sys/devices/system/cpu/online", &[]).await;
    assert_eq!(&online.body[..], b"0\n");
    let up = get(vm.agent(), "path=../../../../etc/hostname", &[]).await;
    assert_eq!(up.status, StatusCode::OK, "the root is as far as `..` leads");
    for path in ["/missing", "/etc/passwd/below"] {
        let missing = get(vm.agent(), &format!("path={path}"), &[]).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["a%00b", "~root/x", &"x".repeat(300), &"x/".repeat(3000)] {
        let odd = get(vm.agent(), &format!("path={path}"), &[]).await;
        assert_eq!(odd.status, StatusCode::BAD_REQUEST, "{odd:?}");
    }
}

#[tokio::test]
async fn signatures_open_one_path_and_figures_need_the_token() {
    let vm = Vm::boot().await;
    shell(&vm, "echo text > /tmp/a").await;
    let settings = br#"{"accessToken":"token","envVars":{"COLOUR":"blue"}}"#;
    let (status, _) = send_json(post_json(vm.agent(), "/init", "application/json", settings)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    // By E2B's SDK: get_signature("/tmp/a", "read", None, "token").
    let signed = "path=/tmp/a&signature=v1_mSS6bXPNIU4XmU2wrcUHhtDtoUHUFTk5Z0btnKa3s8o";
    let read = get(vm.agent(), signed, &[]).await;
    assert_eq!((read.status, &read.body[..]), (StatusCode::OK, &b"text\n"[..]));
    for query in [
        "path=/tmp/a",
        &signed.replace("/tmp/a&", "/tmp/b&"),
        &format!("{signed}&username=user"),
        &format!("{signed}&signature_expiration=4000000000"),
    ] {
        let refused = get(vm.agent(), query, &[]).await;
        assert_eq!(
            (refused.status, refused.json()["code"].as_u64()),
            (StatusCode::UNAUTHORIZED, Some(401))
        );
    }
    let write = post(vm.agent(), signed, &[RAW], "x").await;
    assert_eq!(write.status, StatusCode::UNAUTHORIZED);

    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for (path, token, status) in [
        ("/metrics", "wrong", 401),
        ("/metrics", "token", 200),
        ("/envs", "token", 200),
    ] {
        let request = Request::get(format!("http://{}{path}", vm.agent())).header("x-access-token", token);
        let response = client
            .request(request.body(Full::default()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body: Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        match path {
            "/envs" => assert_eq!(body, json!({ "COLOUR": "blue" })),
            _ if status == 200 => {
                assert_eq!(body["cpu_count"], 1);
                let total = body["mem_total"].as_u64().unwrap();
                assert!(
                    (64 << 20..=128 << 20).contains(&total) && body["mem_used"].as_u64().unwrap() < total
                );
                assert!(body["disk_used"].as_u64().unwrap() < body["disk_total"].as_u64().unwrap());
                assert!((0.0..=100.0).contains(&body["cpu_used_pct"].as_f64().unwrap()));
            }
            _ => assert_eq!(body["code"], 401),
        }
    }
}
