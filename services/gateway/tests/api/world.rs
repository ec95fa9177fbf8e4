//! A gateway, a log and a scripted host, made for one test and gone with it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use roost_gateway::auth::ApiKey;
use roost_gateway::{Gateway, Limits, Ports, router};
use roost_journal::memory::Memory;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::token::TokenKey;
use serde_json::{Value, json};

use crate::client::{Answer, Call, KEY};
use crate::host::Host;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Under which sandboxes' ports are reached.
pub(crate) const DOMAIN: &str = "sandboxes.test:8080";

pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) gateway: Gateway,
    pub(crate) app: Router,
    /// Takes commands for as long as it is held.
    _host: Option<Host>,
}

/// Bounds for tests that do not wait for one: a failure shows as one, not as a hanging test.
pub(crate) fn limits() -> Limits {
    Limits {
        catch_up: LONG,
        last_frame: Duration::from_millis(100),
        ..Limits::default()
    }
}

/// The key from which sandboxes' tokens are derived.
pub(crate) fn tokens() -> TokenKey {
    "5a".repeat(32).parse().unwrap()
}

/// The ports in memory, with a fleet that follows them.
pub(crate) async fn memory() -> Ports {
    over(&Memory::default()).await
}

/// The ports of that log, with a fleet that follows it.
pub(crate) async fn over(memory: &Memory) -> Ports {
    Ports {
        journal: Arc::new(memory.journal()),
        queue: Arc::new(memory.queue()),
        output: Arc::new(memory.output()),
        fleet: FleetHandle::start(Arc::new(memory.journal()), None).await,
    }
}

impl World {
    /// With a host and a template, and the usual bounds.
    pub(crate) async fn new() -> Self {
        Self::with(limits()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let ports = memory().await;
        let host = Host::start(&ports).await;
        Self::over(ports, limits, Some(host))
    }

    /// Over these ports, with or without a host.
    pub(crate) fn over(ports: Ports, limits: Limits, host: Option<Host>) -> Self {
        let key = ApiKey::new(KEY).unwrap();
        let gateway = Gateway::new(ports.clone(), key, tokens(), DOMAIN.to_owned(), limits);
        Self {
            ports,
            app: router(gateway.clone()),
            gateway,
            _host: host,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.app, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    pub(crate) fn create(&self, body: &Value) -> Call {
        self.post("/v1/sandboxes", body)
    }

    /// A tenant with these limits.
    pub(crate) async fn tenant(&self, id: &str, limits: Value) {
        let tenant = self.post("/v1/tenants", &json!({"id": id, "limits": limits}));
        tenant.send().await.ok(201);
    }

    /// A key of a tenant, and its id.
    pub(crate) async fn key(&self, tenant: &str, scope: &str) -> (String, String) {
        let path = format!("/v1/keys?tenant={tenant}");
        let made = self
            .post(&path, &json!({"name": "test", "scope": scope}))
            .send()
            .await;
        let made = made.ok(201);
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("key"), text("id"))
    }

    /// A running sandbox's id.
    pub(crate) async fn sandbox(&self) -> String {
        let answer = self.create(&json!({"template": "base"})).send().await;
        answer.ok(201)["id"].as_str().unwrap().to_owned()
    }

    /// Runs one of the host's programs (see [`crate::host`]).
    pub(crate) async fn exec(&self, id: &str, cmd: &str) -> Answer {
        self.post(&format!("/v1/sandboxes/{id}/exec"), &json!({"cmd": cmd}))
            .send()
            .await
    }
}
