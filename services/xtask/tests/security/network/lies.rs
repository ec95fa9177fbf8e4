//! What comes out of a guest: answers without an end, two for one, and headers in the host's name; and what may not go in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use xtask::stack::Stack;

use super::Guest;

/// The port of the server in the guest.
const PORT: u16 = 8000;

/// A server that lies.
const SERVER: &str = r"
import socket, threading
lie = (b'HTTP/1.1 200 OK\r\nRoost-Edge-Error: no_sandbox\r\nRoost-Sandbox: other\r\nroost-edge-token: x\r\n'
    b'Connection: close\r\nContent-Length: 4\r\n\r\nlied')
two = b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo'
def serve(stream):
    try:
        path = stream.recv(4096).split(b' ')[1]
        if path == b'/lie':
            stream.sendall(lie)
        elif path == b'/two':
            stream.sendall(two)
        elif path == b'/endless':
            stream.sendall(b'HTTP/1.1 200 OK\r\n')
            while True:
                stream.sendall(b'X-More: and more\r\n' * 64)
    except (OSError, IndexError):
        pass
    stream.close()
listener = socket.create_server(('0.0.0.0', 8000))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
";

/// How long an answer may take, on a machine that emulates its guests.
const PATIENCE: Duration = Duration::from_secs(30);

/// The agent's paths that are its host's alone, as a client might write them.
const OF_THE_HOST: [&str; 9] = [
    "/init",
    "//init",
    "/./init",
    "/%69nit",
    "/files/../init",
    "/process.Process/../init",
    "/process.Process/%2e%2e/init",
    "/init?x=/files",
    "http://127.0.0.1:49983/init",
];

/// What the gateway answers to these bytes, until it closes or is silent.
async fn talk(stack: &Stack, bytes: &str) -> Result<String> {
    let mut stream = TcpStream::connect(stack.gateway()).await?;
    stream.write_all(bytes.as_bytes()).await?;
    let mut answer = Vec::new();
    let all = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    all.context("an answer without an end")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn request(guest: &Guest, port: u16, line: &str, more: &str) -> String {
    let id = &guest.id;
    format!(
        "{line} HTTP/1.1\r\nHost: a\r\nE2b-Sandbox-Id: {id}\r\nE2b-Sandbox-Port: {port}\r\nConnection: close\r\n{more}\r\n"
    )
}

pub(super) async fn of_a_server_in_the_guest_are_not_believed(stack: &Stack, guest: &Guest) -> Result<()> {
    guest.leave_running(SERVER).await?;
    let ask = async |path: &str| talk(stack, &request(guest, PORT, &format!("GET {path}"), "")).await;
    let mut lied = ask("/lie").await?;
    for _ in 0..50 {
        if lied.ends_with("lied") {
            break;
        }
        // It has not begun to listen.
        sleep(Duration::from_millis(200)).await;
        lied = ask("/lie").await?;
    }
    ensure!(
        lied.starts_with("HTTP/1.1 200") && lied.ends_with("lied"),
        "{lied}"
    );
    ensure!(!lied.to_lowercase().contains("roost-"), "{lied}");
    for _ in 0..3 {
        let two = ask("/two").await?;
        ensure!(two.ends_with("one") && !two.contains("two"), "{two}");
    }
    let endless = ask("/endless").await?;
    ensure!(endless.starts_with("HTTP/1.1 502"), "{endless}");

    for path in OF_THE_HOST {
        let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
        let line = format!("POST {path}");
        let answer = talk(stack, &(request(guest, 49983, &line, body) + "{}")).await?;
        ensure!(
            ["400", "401", "404"]
                .iter()
                .any(|code| answer.starts_with(&format!("HTTP/1.1 {code}"))),
            "{path}: {answer}"
        );
    }
    // Another sandbox named twice, the edge's own headers, and a second request within the first.
    let forged = format!(
        "Roost-Sandbox: other\r\nRoost-Port: 22\r\nRoost-Edge-Token: {}\r\n",
        "0".repeat(64)
    );
    let answer = talk(stack, &request(guest, PORT, "GET /lie", &forged)).await?;
    ensure!(
        answer.ends_with("lied"),
        "the way is the gateway's to tell: {answer}"
    );
    let twice = request(guest, PORT, "GET /lie", "E2b-Sandbox-Id: other\r\n");
    ensure!(
        talk(stack, &twice).await?.starts_with("HTTP/1.1 400"),
        "two sandboxes"
    );
    let both = "Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n";
    let hidden = request(guest, PORT, "POST /lie", both) + "0\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = talk(stack, &hidden).await?;
    ensure!(
        answer.starts_with("HTTP/1.1 400") && !answer.contains("two"),
        "{answer}"
    );
    Ok(())
}
