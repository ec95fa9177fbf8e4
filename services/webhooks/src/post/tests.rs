//! Targets that are private, slow, redirecting or endless, over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// How a server answers a request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    With(&'static str),
    /// With headers that have no end.
    Endless,
    Never,
}

/// A server of one kind of answer, and how often it was asked.
async fn server(answer: Answer) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer, Arc::clone(&counted)));
        }
    });
    (address, asked)
}

async fn serve(mut stream: TcpStream, answer: Answer, asked: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut request = [0; 4096];
    while stream.read(&mut request).await? > 0 {
        asked.fetch_add(1, Ordering::SeqCst);
        match answer {
            Answer::With(answer) => stream.write_all(answer.as_bytes()).await?,
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream.write_all(b"X-More: and more\r\n").await?;
                }
            }
            Answer::Never => std::future::pending().await,
        }
    }
    Ok(())
}

async fn post(targets: &Targets, url: String) -> Result<(), Failure> {
    let headers = Headers {
        id: "wh1-7".to_owned(),
        timestamp: "1".to_owned(),
        signature: "v1,AAAA".to_owned(),
    };
    let body = Bytes::from_static(b"{}");
    let posting = Posting { url, headers, body };
    HttpPost::new(targets.clone()).unwrap().post(posting).await
}

fn local() -> Targets {
    Targets::new(vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()])
}

#[tokio::test]
async fn any_2xx_means_that_it_is_told_and_nothing_else_does() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Ok(())),
        ("HTTP/1.1 204 No Content\r\n\r\n", Ok(())),
        (
            "HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n",
            Err(Failure::Status(StatusCode::SERVICE_UNAVAILABLE)),
        ),
        (
            "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
            Err(Failure::Status(StatusCode::GONE)),
        ),
        (
            "HTTP/1.1 429 Enough\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n",
            Err(Failure::Later(
                StatusCode::TOO_MANY_REQUESTS,
                Duration::from_secs(30),
            )),
        ),
    ] {
        let (address, asked) = server(Answer::With(answer)).await;
        assert_eq!(post(&local(), format!("http://{address}/")).await, expected);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_private_target_is_not_even_connected_to() {
    let (address, asked) = server(Answer::With("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let port = address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let refused = post(&Targets::default(), format!("http://{host}:{port}/")).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{host}: {refused:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(post(&local(), format!("http://localhost:{port}/")).await, Ok(()));
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (inside, asked) = server(Answer::With("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let answer = format!("HTTP/1.1 307 Away\r\nLocation: http://{inside}/\r\nContent-Length: 0\r\n\r\n");
    let (outside, _) = server(Answer::With(answer.leak())).await;
    let refused = post(&local(), format!("http://{outside}/")).await;
    assert_eq!(refused, Err(Failure::Redirect(StatusCode::TEMPORARY_REDIRECT)));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let (address, _) = server(Answer::Endless).await;
    let failed = post(&local(), format!("http://{address}/")).await;
    assert!(matches!(failed, Err(Failure::Unreachable(_))), "{failed:?}");
}

#[tokio::test]
async fn what_is_no_http_and_who_is_not_there_are_told_apart_from_a_refusal() {
    let (address, _) = server(Answer::With("220 smtp.example.com ESMTP\r\n")).await;
    let failed = post(&local(), format!("http://{address}/")).await;
    assert!(matches!(failed, Err(Failure::Unreachable(_))), "{failed:?}");
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let failed = post(&local(), format!("https://{gone}/")).await;
    let Err(Failure::Unreachable(why)) = failed else {
        panic!("{failed:?}")
    };
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_slow_target_is_not_waited_for() {
    let (address, _) = server(Answer::Never).await;
    let target = local();
    let waited = tokio::spawn(async move { post(&target, format!("http://{address}/")).await });
    // The connection stands before time is let pass.
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::time::pause();
    tokio::time::advance(ANSWER_WITHIN).await;
    assert_eq!(waited.await.unwrap(), Err(Failure::Slow));
}
