//! The process: what it refuses to start with, how it says that it is ready, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use roost_gateway::{Limits, serve};
use roost_journal::jetstream::connect;
use roost_journal::testing::NatsServer;
use roost_schemas::token::TokenKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::client::KEY;
use crate::host::Host;
use crate::world::{LONG, World, limits};

fn gateway(nats: &str, state: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost-gateway"));
    command
        .args(["--nats", nats, "--listen", listen, "--state"])
        .arg(state)
        .env("ROOST_API_KEY", KEY)
        .env(TokenKey::VARIABLE, "5a".repeat(32));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn refused(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_does_not_start_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut unset = gateway("nats://127.0.0.1:1", folder.path(), "127.0.0.1:0");
    unset.env_remove("ROOST_API_KEY");
    assert!(refused(unset).contains("ROOST_API_KEY"));
    let mut empty = gateway("nats://127.0.0.1:1", folder.path(), "127.0.0.1:0");
    empty.env("ROOST_API_KEY", "");
    assert!(refused(empty).contains("is empty"));
    let mut unset = gateway("nats://127.0.0.1:1", folder.path(), "127.0.0.1:0");
    unset.env_remove(TokenKey::VARIABLE);
    assert!(refused(unset).contains(TokenKey::VARIABLE));
    let mut short = gateway("nats://127.0.0.1:1", folder.path(), "127.0.0.1:0");
    short.env(TokenKey::VARIABLE, "5a");
    assert!(refused(short).contains("64 hex digits"));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(refused(gateway("nats://127.0.0.1:1", folder.path(), &address)).contains(&address));
}

/// A running gateway; killed when dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(nats: &str, state: &Path) -> Self {
        let mut child = gateway(nats, state, "127.0.0.1:0")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("ready http://")
            .unwrap_or_else(|| panic!("{line:?}"))
            .to_owned();
        Self { child, address }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        http(&self.address, method, path, body)
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own.
fn http(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_over_nats_and_takes_up_where_it_ended() {
    let server = NatsServer::start();
    let connection = connect(server.options()).await.unwrap();
    let ports = crate::nats::ports(&connection).await;
    let _host = Host::start(&ports).await;
    let url = server.url();
    let done = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(&url, folder.path());
        let (status, sandbox) = running.call("POST", "/v1/sandboxes", &json!({"template": "base"}));
        assert_eq!((status, &sandbox["state"]), (201, &json!("running")));
        let path = format!("/v1/sandboxes/{}", sandbox["id"].as_str().unwrap());
        let (status, result) = running.call(
            "POST",
            &format!("{path}/exec"),
            &json!({"cmd": "echo", "args": ["hi"]}),
        );
        assert_eq!((status, &result["stdout"]), (200, &json!("hi")));
        // The program's end may stand in the log a moment after its output is told.
        let before = loop {
            let (status, view) = running.call("GET", &path, &Value::Null);
            assert_eq!(status, 200);
            if view["processes"] == 0 {
                break view;
            }
        };
        running.stop();

        let running = Running::start(&url, folder.path());
        assert_eq!(running.call("GET", &path, &Value::Null), (200, before));
        assert_eq!(running.call("DELETE", &path, &Value::Null).0, 204);
        running.stop();

        // The checkpoint is disposable.
        std::fs::remove_dir_all(folder.path()).unwrap();
        let running = Running::start(&url, folder.path());
        assert_eq!(running.call("GET", &path, &Value::Null).1["state"], "stopped");
        running.stop();
    });
    done.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_answered_before_the_end() {
    let world = World::with(Limits {
        create: Duration::from_millis(300),
        ..limits()
    })
    .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(
        listener,
        world.app.clone(),
        async { drop(stopped.await) },
        Limits {
            shutdown: LONG,
            ..limits()
        },
    ));
    let request = tokio::task::spawn_blocking({
        let address = address.clone();
        move || {
            http(
                &address,
                "POST",
                "/v1/sandboxes",
                &json!({"template": "base", "metadata": {"script": "hangs"}}),
            )
        }
    });
    world
        .ports
        .fleet
        .until(LONG, |fleet| fleet.live().next().map(drop))
        .await
        .unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert_eq!(request.await.unwrap().0, 504);
    assert!(TcpStream::connect(&address).is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_not_put_off_for_ever() {
    let world = World::with(limits()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut idle = TcpStream::connect(address).unwrap();
    let stop = std::future::ready(());
    let impatient = Limits {
        shutdown: Duration::from_millis(50),
        ..limits()
    };
    let serving = serve(listener, world.app.clone(), stop, impatient);
    write!(
        idle,
        "POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    )
    .unwrap();
    tokio::time::timeout(LONG, serving).await.expect("it ended");
}
