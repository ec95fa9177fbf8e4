//! `GET /audit`: the host's connection, upgraded to lines of JSON both ways.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use roost_schemas::audit::{Answer, MAX_LINE, PROTOCOL};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::{Audit, line};
use crate::agent::auth;
use crate::agent::http::{Body, empty, refusal};
use crate::log::say;

/// Upgrades the host's connection and serves it until it breaks or a newer one comes.
pub(in crate::agent) fn answer(
    mut request: Request<Body>,
    peer: IpAddr,
    audit: &Arc<Audit>,
) -> Response<Body> {
    if auth::is_inside(peer) {
        return refusal(StatusCode::FORBIDDEN, "only the host may follow the audit feed");
    }
    if !asks_for_upgrade(request.headers()) {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "upgrade to roost-audit");
        upgrade_headers(response.headers_mut());
        return response;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let audit = Arc::clone(audit);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(connection) => audit.serve(TokioIo::new(connection)).await,
            Err(error) => say!("agent: the audit feed was not upgraded: {error}"),
        }
    });
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    upgrade_headers(response.headers_mut());
    response
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    asked.is_some_and(|protocol| protocol.eq_ignore_ascii_case(PROTOCOL))
}

fn upgrade_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
}

impl Audit {
    /// Tells facts and takes answers. What an earlier connection left open is told again.
    pub(super) async fn serve(&self, connection: impl AsyncRead + AsyncWrite) {
        let (reader, writer) = tokio::io::split(connection);
        let mut newest = self.newest.subscribe();
        let own = *newest.borrow() + 1;
        self.newest.send_replace(own);
        let ended = tokio::select! {
            ended = self.tell(writer) => ended,
            ended = self.listen(reader) => ended,
            _ = newest.wait_for(|newest| *newest != own) => Ok(()),
        };
        if let Err(error) = ended {
            say!("agent: the audit feed broke: {error}");
        }
    }

    async fn tell(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        let mut told = 0;
        loop {
            let notice = self.next(told).await;
            let mut line = line(&notice);
            line.push(b'\n');
            writer.write_all(&line).await?;
            writer.flush().await?;
            told = notice.number;
        }
    }

    async fn listen(&self, reader: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader)
                .take(MAX_LINE as u64)
                .read_until(b'\n', &mut line)
                .await?;
            if read == 0 {
                return Ok(());
            }
            // Also what is too long or cut off ends here.
            let answer: Answer = serde_json::from_slice(&line)?;
            self.answered(answer);
        }
    }
}
