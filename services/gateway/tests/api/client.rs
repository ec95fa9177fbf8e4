//! Requests to a router in process. Every answer is held to the OpenAPI document: its status must be described there.
//! E2B's routes are not; their errors are held to E2B's shape instead.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const KEY: &str = "test-key";

/// A request that is being written.
pub(crate) struct Call {
    app: Router,
    request: Request<Body>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(app: &Router, method: Method, path: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("X-API-Key", KEY);
        Self {
            app: app.clone(),
            request: request.body(Body::empty()).unwrap(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// With another API key than the operator's.
    pub(crate) fn by(self, key: &str) -> Self {
        self.header("X-API-Key", key)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(body.to_string())
    }

    pub(crate) fn text(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self.header("Content-Type", "application/json")
    }

    pub(crate) async fn send(self) -> Answer {
        let (method, path) = (
            self.request.method().clone(),
            self.request.uri().path().to_owned(),
        );
        let response = self.app.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        answer.check(&method, &path);
        answer
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.header("Roost-Sequence")
            .parse()
            .unwrap_or_else(|_| panic!("no Roost-Sequence: {self:?}"))
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The message, of an error with this status and code.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["error"]["code"], code, "{body}");
        body["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The message, of an error in E2B's shape with this status.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()["message"].as_str().unwrap().to_owned()
    }

    fn check(&self, method: &Method, path: &str) {
        if crate::e2b::owns(path) {
            return self.check_as_e2bs(method, path);
        }
        if self.status.is_client_error() || self.status.is_server_error() {
            let body = self.json();
            let is_health = path == "/health" && body["status"].is_string();
            let shape = body["error"]["code"].is_string() && body["error"]["message"].is_string();
            assert!(
                shape || is_health,
                "{method} {path} failed without our shape: {body}"
            );
        }
        let Some(item) = described(path) else {
            return assert_eq!(
                self.status,
                StatusCode::NOT_FOUND,
                "{path} is not in the document"
            );
        };
        // HEAD answers as GET does. A method that a path does not take is not described, but its status is.
        let name = if method == Method::HEAD {
            "get".to_owned()
        } else {
            method.as_str().to_lowercase()
        };
        let operation = item
            .get(&name)
            .or_else(|| item.as_object()?.values().next())
            .unwrap();
        let known = operation["responses"].as_object().unwrap();
        assert!(
            known.contains_key(self.status.as_str()),
            "{method} {path} may not answer {}",
            self.status
        );
    }
}

impl Answer {
    fn check_as_e2bs(&self, method: &Method, path: &str) {
        if !(self.status.is_client_error() || self.status.is_server_error()) {
            return;
        }
        let body = self.json();
        assert_eq!(body["code"], self.status.as_u16(), "{method} {path}: {body}");
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{method} {path}: {body}"
        );
        assert_eq!(self.header("Content-Type"), "application/json");
        let declared = self.header("Content-Length");
        assert!(
            declared.is_empty() || declared == self.body.len().to_string(),
            "{method} {path}"
        );
    }
}

/// The document's entry for `path`.
fn described(path: &str) -> Option<Value> {
    let document = serde_json::to_value(roost_gateway::document()).unwrap();
    let given: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        wanted.len() == given.len()
            && wanted
                .iter()
                .zip(&given)
                .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
    };
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .find(|(template, _)| fits(template))
        .map(|(_, item)| item.clone())
}
