//! The files of one sandbox.

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Response, StatusCode};
use roost_client::{Answer, Body, Refused};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::values::query;
use crate::remote::Session;

/// The files of one sandbox, as one of its users has them.
pub(super) struct Files<'a> {
    pub(super) session: &'a Session,
    pub(super) sandbox: &'a str,
    pub(super) user: Option<&'a str>,
}

/// What is at a path.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    /// The last part of the path, as the sandbox says: a stranger's word.
    pub(super) name: String,
    /// Of a link: that of what it points to.
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Where a link points.
    pub(super) symlink_target: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    Other,
}

impl Files<'_> {
    /// What is at `path`, where something has to be.
    pub(super) async fn entry(&self, path: &str) -> Result<Entry> {
        Ok(serde_json::from_value(self.ask("stat", path).await?)?)
    }

    /// What is at `path`; nothing if nothing is.
    pub(super) async fn stat(&self, path: &str) -> Result<Option<Entry>> {
        match self.entry(path).await {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if !is_not_found(&error) => Err(error),
            // The file, or the sandbox itself.
            Err(_) => {
                self.session
                    .get(&format!("/v1/sandboxes/{}", self.sandbox))
                    .await?;
                Ok(None)
            }
        }
    }

    /// What the folder `path` holds.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let mut answer = self.ask("list", path).await?;
        Ok(serde_json::from_value(answer["entries"].take())?)
    }

    /// Makes the folder `path`, if it is not there.
    pub(super) async fn make_folder(&self, path: &str) -> Result<()> {
        if self
            .stat(path)
            .await?
            .is_some_and(|entry| entry.kind == Kind::Directory)
        {
            return Ok(());
        }
        self.ask("mkdir", path).await.map(drop)
    }

    /// The content of the file `path`, as it comes.
    pub(super) async fn read(&self, path: &str) -> Result<Response<Incoming>> {
        let url = self.stream("read", path);
        let response = self
            .session
            .api
            .open(Method::GET, &url, &[], roost_client::body(""))
            .await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(refusal(response).await?)
    }

    /// Makes `content` the file `path`.
    pub(super) async fn write(&self, path: &str, content: Body) -> Result<()> {
        let url = self.stream("write", path);
        let headers = [("content-type", "application/octet-stream")];
        let response = self
            .session
            .api
            .open(Method::POST, &url, &headers, content)
            .await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(refusal(response).await?)
    }

    async fn ask(&self, what: &str, path: &str) -> Result<Value> {
        let url = format!("/v1/sandboxes/{}/files/{what}", self.sandbox);
        let mut body = json!({"path": path});
        if let Some(user) = self.user {
            body["user"] = user.into();
        }
        self.session.post(&url, &body).await
    }

    fn stream(&self, what: &str, path: &str) -> String {
        let user = self.user.map(|user| ("user", user));
        let pairs = query([("path", path)].into_iter().chain(user));
        format!("/v1/sandboxes/{}/files/stream/{what}?{pairs}", self.sandbox)
    }
}

/// Why a request was refused whose answer is not read yet.
async fn refusal(response: Response<Incoming>) -> Result<anyhow::Error> {
    let (parts, body) = response.into_parts();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.context("the answer broke off")?.to_bytes(),
    };
    Ok(answer.refused().into())
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}
