//! Requests the client would never send.

use crate::bench::Bench;
use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::{client::legacy, rt::TokioExecutor};
use hyperlocal::UnixConnector;

/// Sends `body` and returns status and text of the answer.
pub(crate) async fn send(
    bench: &Bench,
    method: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<(u16, String)> {
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(UnixConnector);
    let uri = hyperlocal::Uri::new(bench.process.socket(), path);
    let response = client
        .request(
            Request::builder()
                .method(method)
                .uri(uri)
                .body(Full::new(body.into()))?,
        )
        .await?;
    let status = response.status().as_u16();
    let text = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// Expects a refusal in the form of the API.
pub(crate) async fn refused(bench: &Bench, method: &str, path: &str, body: &str) -> Result<String> {
    let (status, text) = send(bench, method, path, body.to_owned()).await?;
    ensure!(
        status == 400,
        "{method} {path} {body} was answered with {status}: {text}"
    );
    ensure!(
        text.contains("fault_message"),
        "{method} {path} {body} was refused without fault_message: {text}"
    );
    Ok(text)
}

/// Expects success without content.
pub(crate) async fn accepted(bench: &Bench, method: &str, path: &str, body: &str) -> Result<()> {
    let (status, text) = send(bench, method, path, body.to_owned()).await?;
    ensure!(
        status == 204,
        "{method} {path} {body} was answered with {status}: {text}"
    );
    Ok(())
}
