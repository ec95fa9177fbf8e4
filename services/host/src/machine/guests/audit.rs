//! The host's end of a guest's audit feed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use roost_runtime::port::{AuditFeed, Fault};
use roost_schemas::audit::{Answer, MAX_LINE, Notice, PATH, PROTOCOL};
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

const STEP: &str = "follow the guest's audit feed";
/// How long the agent may take to take the connection and to upgrade it; an emulated one is slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers that wait to be written: one, because one notice is handled at a time.
const ANSWERS: usize = 1;

/// Upgrades a connection of its own to the feed.
pub(super) async fn connect(address: IpAddr, token: &str) -> Result<AuditFeed, Fault> {
    let connection = timeout(PATIENCE, upgrade(address, token)).await;
    let connection =
        connection.map_err(|_| Fault::timed_out(STEP, format!("no upgrade within {PATIENCE:?}")))??;
    Ok(over(TokioIo::new(connection)))
}

async fn upgrade(address: IpAddr, token: &str) -> Result<Upgraded, Fault> {
    let stream = TcpStream::connect(SocketAddr::new(address, PORT)).await;
    let stream = stream.map_err(|error| Fault::of(STEP, &error))?;
    // Notices and answers are small, and somebody waits for each.
    stream
        .set_nodelay(true)
        .map_err(|error| Fault::of(STEP, &error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| Fault::of(STEP, &error))?;
    tokio::spawn(connection.with_upgrades());
    let request = Request::builder()
        .method(Method::GET)
        .uri(PATH)
        .header(header::HOST, format!("{address}:{PORT}"))
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, PROTOCOL)
        .header(ACCESS_TOKEN_HEADER, token)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Fault::of(STEP, &error))?;
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| Fault::of(STEP, &error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let detail = format!("{PATH} answered {} instead of an upgrade", response.status());
        return Err(Fault::new(STEP, detail));
    }
    let upgraded = hyper::upgrade::on(response).await;
    upgraded.map_err(|error| Fault::of(STEP, &error))
}

/// The feed over an upgraded connection.
fn over(connection: impl AsyncRead + AsyncWrite + Send + 'static) -> AuditFeed {
    let (reader, writer) = tokio::io::split(connection);
    let (answers, taken) = mpsc::channel(ANSWERS);
    tokio::spawn(write(writer, taken));
    AuditFeed {
        notices: notices(reader).boxed(),
        answers,
    }
}

/// Lines of at most [`MAX_LINE`] bytes, each a notice; what is not one breaks the feed.
fn notices(reader: impl AsyncRead + Send + 'static) -> impl Stream<Item = Result<Notice, Fault>> + Send {
    let lines = FramedRead::new(reader, LinesCodec::new_with_max_length(MAX_LINE));
    lines.map(|line| {
        let line = line.map_err(|error| Fault::of(STEP, &error))?;
        serde_json::from_str(&line).map_err(|error| Fault::of(STEP, &error))
    })
}

/// Writes answers until there are no more, or nobody reads them.
async fn write(mut writer: impl AsyncWrite + Unpin, mut answers: mpsc::Receiver<Answer>) {
    while let Some(answer) = answers.recv().await {
        let mut line = serde_json::to_vec(&answer).expect("an answer has string keys");
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::audit::Verdict;
    use tokio::io::AsyncReadExt;

    use super::*;

    const ENDED: &str = r#"{"number":7,"fact":{"type":"ended","process":"a1","status":{"how":"exited","code":0},"duration_ms":1,"stdout_bytes":0,"stderr_bytes":0}}"#;

    #[tokio::test]
    async fn notices_come_in_and_answers_go_out_a_line_each() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut feed = over(ours);
        // However the bytes arrive.
        for part in [&ENDED[..20], &ENDED[20..], "\n", ENDED, "\n"] {
            theirs.write_all(part.as_bytes()).await.unwrap();
        }
        for _ in 0..2 {
            assert_eq!(feed.notices.next().await.unwrap().unwrap().number, 7);
        }
        let verdict = Verdict::Refused("a\nb".to_owned());
        feed.answers.send(Answer { number: 7, verdict }).await.unwrap();
        drop(feed);
        let mut written = String::new();
        theirs.read_to_string(&mut written).await.unwrap();
        assert_eq!(written, "{\"number\":7,\"verdict\":{\"refused\":\"a\\nb\"}}\n");
    }

    #[tokio::test]
    async fn what_is_no_notice_or_has_no_end_breaks_the_feed() {
        let endless = "x".repeat(MAX_LINE + 1);
        let unknown = r#"{"number":1,"fact":{"type":"melted"}}"#.to_owned() + "\n";
        for bytes in ["\n".to_owned(), "{}\n".to_owned(), unknown, endless] {
            let (ours, mut theirs) = tokio::io::duplex(MAX_LINE * 2);
            let mut feed = over(ours);
            theirs.write_all(bytes.as_bytes()).await.unwrap();
            assert!(
                feed.notices.next().await.unwrap().is_err(),
                "{} bytes",
                bytes.len()
            );
        }
    }
}
