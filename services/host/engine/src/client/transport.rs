//! HTTP over a Unix socket, bounded in time and size.

use super::{
    answer::{Answer, Asked},
    door::Door,
};
use crate::error::EngineError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, header};
use hyper_util::{client::legacy, rt::TokioExecutor};
use serde::{Serialize, de::DeserializeOwned};
use std::{path::PathBuf, time::Duration};

/// Largest answer read, in bytes. The longest an engine has is its whole configuration, a few kilobytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Transport {
    pub(super) socket: PathBuf,
    pub(super) deadline: Duration,
    http: legacy::Client<Door, Full<Bytes>>,
}

impl Transport {
    pub(super) fn new(door: Door, deadline: Duration) -> Self {
        Self {
            socket: door.socket.clone(),
            deadline,
            http: legacy::Client::builder(TokioExecutor::new()).build(door),
        }
    }

    /// Sends `body` and expects an answer without content.
    pub(super) async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<(), EngineError> {
        let asked = self.asked(&method, path);
        let json = serde_json::to_vec(body).map_err(|source| asked.transport(source))?;
        self.exchange(&asked, method, path, Bytes::from(json))
            .await?
            .accepted(&asked)
    }

    /// Asks for a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let asked = self.asked(&Method::GET, path);
        self.exchange(&asked, Method::GET, path, Bytes::new())
            .await?
            .document(&asked)
    }

    fn asked(&self, method: &Method, path: &str) -> Asked {
        Asked {
            socket: self.socket.clone(),
            method: method.to_string(),
            path: path.to_owned(),
        }
    }

    async fn exchange(
        &self,
        asked: &Asked,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, EngineError> {
        tokio::time::timeout(self.deadline, self.round_trip(asked, method, path, body))
            .await
            .unwrap_or_else(|_| Err(asked.deadline(self.deadline)))
    }

    async fn round_trip(
        &self,
        asked: &Asked,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, EngineError> {
        let mut request = Request::builder()
            .method(method)
            .uri(hyperlocal::Uri::new(&self.socket, path));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|source| asked.transport(source))?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|source| asked.transport(source))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|source| {
                asked.malformed(status, format!("{source} ({MAX_ANSWER_BYTES} bytes are read)"))
            })?
            .to_bytes();
        Ok(Answer { status, body })
    }
}
