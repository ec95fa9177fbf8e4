//! Which gateway a command speaks to, and as whom.
//!
//! `--url` and `--api-key` say so, or `ROOST_URL` and `ROOST_API_KEY`. Without them the note does that a `roost up` leaves in
//! its state folder while it runs, so that on its machine nothing need be said.

use std::net::{IpAddr, UdpSocket};

use anyhow::{Result, bail};
use clap::Args;
use hyper::Method;
use roost_client::{Api, Base};
use roost_stack::{Running, places};
use serde_json::Value;

use crate::exit::{AWAY, Ended};
use crate::output::Output;

/// Where `up` listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:8080";

/// The options that every command of the gateway takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct Target {
    /// Where the gateway is. Default: where this machine's `roost up` listens
    #[arg(
        long,
        global = true,
        env = "ROOST_URL",
        value_name = "URL",
        display_order = 910
    )]
    url: Option<Base>,
    /// The API key. Default: that of this machine's `roost up`, if the gateway is on it
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
    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.ask(Method::DELETE, path, &Value::Null).await
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
        let url = match (&self.url, running()) {
            (Some(url), _) => url.clone(),
            (None, Some(running)) => running.url.parse()?,
            (None, None) if self.api_key.is_some() => USUAL.parse()?,
            (None, None) => {
                let message = "no `roost up` runs on this machine: start one, or say by --url and --api-key, or ROOST_URL and \
                               ROOST_API_KEY, where another gateway is";
                let message = message.to_owned();
                return Err(Ended { code: AWAY, message }.into());
            }
        };
        let api = self.api(url)?;
        let output = Output::new(json);
        Ok(Session { api, output })
    }

    /// The gateway at `url`, and the key to use there.
    pub(crate) fn api(&self, url: Base) -> Result<Api> {
        // The key of this machine is nobody else's business.
        let ours = || running().filter(|running| is_here(&url, running));
        let key = self.api_key.clone().or_else(|| Some(ours()?.key));
        let Some(key) = key else {
            bail!("no API key for {url}: pass --api-key, or set ROOST_API_KEY; `roost key create` makes one");
        };
        Ok(Api::new(url, &key))
    }

    /// The key that was given.
    pub(crate) fn into_key(self) -> Option<String> {
        self.api_key
    }
}

/// What the `roost up` says that runs here, if it has its usual state folder.
fn running() -> Option<Running> {
    Running::read(&places::state().ok()?)
}

/// Whether the gateway at `url` is on this machine: on loopback, or at an address that can be listened on here, as the one that
/// `roost up --listen` was told.
fn is_here(url: &Base, running: &Running) -> bool {
    let is_ours = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    url.is_loopback() || (url.to_string() == running.url && url.ip().is_some_and(is_ours))
}
