//! The way to one agent, and the connections to all of them.

use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectrpc::client::{ClientConfig, HttpClient};
use hyper_util::client::legacy::connect::HttpConnector;
use roost_domain::sandbox::Phase;
use roost_proxy::{Pool, Proxy};
use roost_schemas::SandboxId;
use roost_schemas::envd::filesystem::FilesystemClient;
use roost_schemas::envd::process::ProcessClient;
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT};

use crate::describe;
use crate::door::Shut;
use crate::error::{ApiError, Code};
use crate::observe;
use crate::state::Gateway;

/// How long an agent may take for one call: its machine may be emulated, and busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// Connections kept open to one edge, and for how long: shorter than edges keep theirs.
const POOL: Pool = Pool {
    size: 32,
    idle: Duration::from_secs(5),
};

/// The connections to agents; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Agents {
    rpc: HttpClient,
    pub(super) http: Proxy<HttpConnector>,
}

impl Agents {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            rpc: HttpClient::plaintext(),
            http: Proxy::new(connector, POOL),
        }
    }
}

/// One sandbox's agent.
pub(crate) struct Agent {
    pub(super) agents: Agents,
    pub(super) edge: Authority,
    pub(super) headers: HeaderMap,
}

impl Gateway {
    /// The agent of `id`, which must run, or is resumed if it is one of those.
    pub(crate) async fn agent(&self, id: &SandboxId) -> Result<Agent, ApiError> {
        self.locate(id).await?;
        self.awake(id).await?;
        self.running_agent(id)
    }

    /// The agent of `id`, if that runs as far as is known here; nothing is resumed.
    pub(crate) fn running_agent(&self, id: &SandboxId) -> Result<Agent, ApiError> {
        let door = self.door(id, PORT).map_err(|shut| self.shut(id, shut))?;
        let unusable = |detail: &dyn std::fmt::Display| {
            let message = format!(
                "the edge of sandbox {id}'s host is told as {:?}: {detail}",
                door.base
            );
            ApiError::new(Code::Internal, message)
        };
        let base: Uri = door.base.parse().map_err(|error| unusable(&error))?;
        let edge = base.authority().cloned();
        let edge = edge.ok_or_else(|| unusable(&"it names no address"))?;
        let mut headers = HeaderMap::new();
        let token = (ACCESS_TOKEN_HEADER, self.tokens().access(id));
        for (name, value) in door.headers.into_iter().chain([token]) {
            let value = HeaderValue::try_from(value).map_err(|error| unusable(&error))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        observe::pass_on(&mut headers);
        Ok(Agent {
            agents: self.agents().clone(),
            edge,
            headers,
        })
    }

    fn shut(&self, id: &SandboxId, shut: Shut) -> ApiError {
        match shut {
            Shut::NoSandbox => ApiError::no_sandbox(id),
            Shut::NotRunning(phase) => {
                let end = self.fleet().read(|fleet| {
                    let state = &fleet.sandbox(self.tenant(), id)?.state;
                    phase.is_end().then(|| describe::end(id, state))
                });
                let is = || {
                    let hint = match phase {
                        Phase::Paused => format!("; {}", describe::way_back(id)),
                        _ => String::new(),
                    };
                    let state = phase.as_str();
                    format!("sandbox {id} is {state}; this needs it to be running{hint}")
                };
                ApiError::new(Code::InvalidState, end.unwrap_or_else(is))
            }
            Shut::NoEdge => {
                let message = format!("the host of sandbox {id} has told of no way to its guests; try again");
                ApiError::new(Code::Unavailable, message)
            }
        }
    }
}

impl Agent {
    /// Its processes.
    pub(crate) fn processes(&self) -> ProcessClient<HttpClient> {
        ProcessClient::new(self.agents.rpc.clone(), self.config(None))
    }

    /// Its files, as `user` sees them; absent: the template's default user.
    pub(crate) fn filesystem(&self, user: Option<&str>) -> FilesystemClient<HttpClient> {
        FilesystemClient::new(self.agents.rpc.clone(), self.config(user))
    }

    fn config(&self, user: Option<&str>) -> ClientConfig {
        let base = Uri::builder()
            .scheme("http")
            .authority(self.edge.clone())
            .path_and_query("/");
        let base = base.build().expect("an authority makes a URI");
        let mut headers = self.headers.clone();
        if let Some(user) = user {
            let basic = format!("Basic {}", STANDARD.encode(format!("{user}:")));
            let basic = HeaderValue::try_from(basic).expect("base64 fits a header");
            headers.insert(axum::http::header::AUTHORIZATION, basic);
        }
        ClientConfig::new(base)
            .proto()
            .with_default_timeout(PATIENCE)
            .with_default_headers(headers)
    }
}
