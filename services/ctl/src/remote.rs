//! Which gateway a command speaks to, and as whom.
//!
//! `--url` and `--api-key` say so, or `ROOST_URL` and `ROOST_API_KEY`. Without them the files that `roost up` keeps in its
//! state folder do, so that on the machine where Roost runs nothing need be said.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use hyper::Method;
use roost_client::{Api, Base};
use roost_stack::{KEY_FILE, URL_FILE, places};
use serde_json::Value;

use crate::output::Output;

/// Where `up` listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:8080";

/// The options that every command of the gateway takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct Target {
    /// Where the gateway is. Default: where the last `roost up` of this machine listens
    #[arg(
        long,
        global = true,
        env = "ROOST_URL",
        value_name = "URL",
        display_order = 910
    )]
    url: Option<Base>,
    /// The API key. Default: that of `roost up`, if the gateway is on this machine
    #[arg(
        long,
        global = true,
        env = "ROOST_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        display_order = 911
    )]
    api_key: Option<String>,
}

/// What a command of the gateway works with.
pub(crate) struct Session {
    /// The gateway.
    pub(crate) api: Api,
    /// What the user sees.
    pub(crate) output: Output,
}

impl Session {
    /// What is at `path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// What the gateway answers to `body` at `path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, body).await
    }

    /// The same of what takes the place of something else.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::PUT, path, body).await
    }

    /// Ends or removes what is at `path`.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.ask(Method::DELETE, path, &Value::Null).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let answer = self.api.send(method, path, body).await?.accepted()?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        answer.json()
    }
}

impl Target {
    /// The gateway and the key to use there.
    pub(crate) fn session(self, json: bool) -> Result<Session> {
        let kept = Kept::in_folder(places::state().ok().as_deref());
        let url = match self.url.or(kept.url) {
            Some(url) => url,
            None => USUAL.parse()?,
        };
        // The key of this machine is nobody else's business.
        let key = self.api_key.or(kept.key.filter(|_| url.is_loopback()));
        let Some(key) = key else {
            bail!("no API key for {url}: pass --api-key, or set ROOST_API_KEY; `roost key create` makes one");
        };
        Ok(Session {
            api: Api::new(url, &key),
            output: Output::new(json),
        })
    }

    /// The key that was given.
    pub(crate) fn into_key(self) -> Option<String> {
        self.api_key
    }
}

/// What `roost up` left in its state folder.
#[derive(Debug, Default)]
struct Kept {
    url: Option<Base>,
    key: Option<String>,
}

impl Kept {
    fn in_folder(folder: Option<&Path>) -> Self {
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder?.join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        Self {
            url: read(URL_FILE).and_then(|url| url.parse().ok()),
            key: read(KEY_FILE),
        }
    }
}
