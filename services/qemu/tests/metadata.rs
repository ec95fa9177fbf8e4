//! The metadata service over TCP, in a network namespace that has its address as a slot has. Needs root, as the host does.

#[path = "support/netns.rs"]
mod netns;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use netns::{Netns, block_on};
use roost_engine::{
    Client, EngineError, EngineKind, EngineProcess, Launch,
    api::{MmdsConfig, NetworkInterface},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SERVICE: &str = "169.254.169.254:80";

/// An engine in a namespace of its own.
struct Bench {
    process: EngineProcess,
    client: Client,
    netns: Netns,
    _dir: TempDir,
}

impl Bench {
    async fn serve() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let netns = Netns::new(dir.path());
        let binary = env!("CARGO_BIN_EXE_roost-qemu");
        let mut launch = Launch::new(EngineKind::Qemu, binary, "metadata-1", dir.path().join("engine"));
        launch.netns = Some(netns.path());
        let process = launch.spawn().await.expect("spawn");
        let client = Client::of(&process);
        let bench = Self {
            process,
            client,
            netns,
            _dir: dir,
        };
        let ready = bench.client.wait_ready(&bench.process, Duration::from_secs(30));
        ready.await.expect("ready");
        // Any link of the namespace will do: nothing is booted.
        let interface = NetworkInterface {
            iface_id: "eth0".to_owned(),
            host_dev_name: "lo".to_owned(),
            ..NetworkInterface::default()
        };
        bench
            .client
            .put_network_interface(&interface)
            .await
            .expect("an interface");
        bench
    }

    /// One request from inside: status and body.
    fn ask(
        &self,
        method: &'static str,
        path: &'static str,
        headers: &[(&'static str, &str)],
    ) -> (u16, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", SERVICE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        self.netns.inside(move || {
            block_on(async move {
                let stream = tokio::net::TcpStream::connect(SERVICE)
                    .await
                    .expect("the service listens");
                let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
                tokio::spawn(connection);
                let response = sender.send_request(request).await.expect("an answer");
                let status = response.status().as_u16();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                (status, String::from_utf8_lossy(&body).into_owned())
            })
        })
    }

    fn connects(&self) -> bool {
        self.netns.inside(|| TcpStream::connect(SERVICE).is_ok())
    }

    fn token(&self) -> String {
        let (status, token) = self.ask(
            "PUT",
            "/latest/api/token",
            &[("X-metadata-token-ttl-seconds", "60")],
        );
        assert_eq!(status, 200, "{token}");
        token
    }

    fn document(&self, token: &str) -> (u16, String) {
        self.ask(
            "GET",
            "/",
            &[("X-metadata-token", token), ("Accept", "application/json")],
        )
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

#[tokio::test]
async fn a_guest_reads_what_was_put_last_with_a_token_of_this_engine() {
    let bench = Bench::serve().await;
    bench
        .client
        .put_mmds(&json!({"instanceID": "sb1"}))
        .await
        .unwrap();
    assert!(!bench.connects(), "nothing answers before there is a service");
    bench
        .client
        .put_mmds_config(&MmdsConfig::v2("eth0"))
        .await
        .unwrap();
    assert!(!bench.document("none").1.contains("sb1"));
    let token = bench.token();
    assert_eq!(
        bench.document(&token),
        (200, r#"{"instanceID":"sb1"}"#.to_owned())
    );
    bench.client.patch_mmds(&json!({"envID": "base"})).await.unwrap();
    let (_, told) = bench.document(&token);
    assert_eq!(
        serde_json::from_str::<Value>(&told).unwrap(),
        json!({"instanceID": "sb1", "envID": "base"})
    );

    let other = Bench::serve().await;
    other
        .client
        .put_mmds_config(&MmdsConfig::v2("eth0"))
        .await
        .unwrap();
    assert_eq!(other.document(&token).0, 401, "a token of another engine");
    bench.process.stop().await.unwrap();
    assert!(!bench.connects(), "it ends with the engine");
}

#[tokio::test]
async fn the_service_can_be_put_again_and_move() {
    let bench = Bench::serve().await;
    for _ in 0..2 {
        bench
            .client
            .put_mmds_config(&MmdsConfig::v2("eth0"))
            .await
            .unwrap();
    }
    let elsewhere = MmdsConfig {
        ipv4_address: Some("169.254.170.2".parse().unwrap()),
        ..MmdsConfig::v2("eth0")
    };
    // The namespace lacks that address: the caller is told, and what there was goes on.
    match bench.client.put_mmds_config(&elsewhere).await {
        Err(EngineError::Refused { fault_message, .. }) => {
            assert!(fault_message.contains("169.254.170.2:80"), "{fault_message}");
        }
        other => panic!("{other:?}"),
    }
    bench.token();
}

#[tokio::test]
async fn a_guest_that_stalls_or_lies_is_cut_off_and_the_engine_serves_on() {
    let bench = Bench::serve().await;
    bench
        .client
        .put_mmds_config(&MmdsConfig::v2("eth0"))
        .await
        .unwrap();
    let started = Instant::now();
    // More connections than are served at a time, none of which says anything; then bytes that are no HTTP, and a head
    // without end.
    let silent: Vec<TcpStream> = bench.netns.inside(|| {
        (0..40)
            .map(|_| TcpStream::connect(SERVICE).expect("a backlog"))
            .collect()
    });
    bench.client.describe().await.expect("the API is not held up");
    bench.token();
    assert!(started.elapsed() < Duration::from_secs(20), "silence was cut off");
    drop(silent);
    let answers = bench.netns.inside(|| {
        [
            b"\0\0\0\0\r\n\r\n".to_vec(),
            [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 100_000]].concat(),
        ]
        .map(|bytes| {
            let mut stream = TcpStream::connect(SERVICE).expect("the service listens");
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // The service may hang up while we still write, and a reset takes its answer with it.
            let _ = stream.write_all(&bytes);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        })
    });
    for answer in answers {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    bench.token();
}
