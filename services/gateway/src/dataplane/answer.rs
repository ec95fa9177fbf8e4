//! What the data plane itself answers, as E2B's proxy does: JSON with `code` and `message`, a page for browsers.
//!
//! SDKs take a sandbox for dead by the words of a 502: "was not found". So no other 502 has them.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use roost_proxy::Unfit;
use serde_json::{Value, json};

use super::address::{BadAddress, Target};

/// Seconds after which a sandbox that cannot be reached now is worth another try.
const RETRY_AFTER: &str = "1";

/// Why a request is not the guest's to answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It names no port of a sandbox.
    Address(BadAddress),
    /// It cannot be forwarded.
    Unfit(Unfit),
    /// No running sandbox has signed it.
    Unsigned,
    /// The sandbox's ports are not public, and the token is missing, or there and wrong.
    Traffic(Target, Option<Wrong>),
    /// The sandbox does not run, or never was.
    NotFound(Target),
    /// It is paused, and the request shows nothing that would let it in.
    Denied(Target),
    /// It is being paused or resumed, and that is not done in time.
    Turning(Target),
    /// It is paused, and its host has no room to resume it.
    NoRoom(Target),
    /// Nothing listens there.
    PortClosed(Target),
    /// What listens there broke the connection, or did not take it.
    Silent(Target),
    /// The path is not for clients.
    NoPath,
    /// As many requests to it are under way as may be.
    Busy(Target),
    /// As many requests to any sandbox are.
    Full(Target),
    /// It should run, but its host, or the log, cannot be reached now.
    Away(Target),
}

/// A token that is there, but is another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrong;

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Address(_) | Self::Unfit(_) => StatusCode::BAD_REQUEST,
            Self::Unsigned => StatusCode::UNAUTHORIZED,
            Self::Traffic(..) | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Turning(_) => StatusCode::CONFLICT,
            Self::NotFound(_) | Self::PortClosed(_) | Self::Silent(_) => StatusCode::BAD_GATEWAY,
            Self::NoPath => StatusCode::NOT_FOUND,
            Self::Busy(_) | Self::Full(_) | Self::NoRoom(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Address(bad) => bad.to_string(),
            Self::Unfit(unfit) => unfit.to_string(),
            Self::Unsigned => "The signature is not one of a running sandbox".to_owned(),
            Self::Traffic(_, None) => format!(
                "The ports of this sandbox are not public: header {} is missing",
                super::reach::TRAFFIC
            ),
            Self::Traffic(_, Some(Wrong)) => format!(
                "The ports of this sandbox are not public: header {} is wrong",
                super::reach::TRAFFIC
            ),
            Self::NotFound(_) => "The sandbox was not found".to_owned(),
            Self::Denied(_) => format!(
                "The sandbox is paused, and this request may not resume it: header {} is missing or wrong",
                roost_schemas::envd::ACCESS_TOKEN_HEADER
            ),
            Self::Turning(_) => "The sandbox is being paused or resumed; try again".to_owned(),
            Self::NoRoom(_) => {
                "The sandbox is paused, and its host has no room for it now; try again".to_owned()
            }
            Self::PortClosed(_) => "The sandbox is running but port is not open".to_owned(),
            Self::Silent(_) => "The sandbox is running but its port does not answer".to_owned(),
            Self::NoPath => "This path is not open to clients".to_owned(),
            Self::Busy(_) => "The sandbox has too many requests under way".to_owned(),
            Self::Full(_) => "The gateway has too many requests under way".to_owned(),
            Self::Away(_) => "The sandbox cannot be reached at the moment; try again".to_owned(),
        }
    }

    fn target(&self) -> Option<&Target> {
        match self {
            Self::Traffic(target, _)
            | Self::NotFound(target)
            | Self::Denied(target)
            | Self::Turning(target)
            | Self::NoRoom(target)
            | Self::PortClosed(target)
            | Self::Silent(target)
            | Self::Busy(target)
            | Self::Full(target)
            | Self::Away(target) => Some(target),
            Self::Address(_) | Self::Unfit(_) | Self::Unsigned | Self::NoPath => None,
        }
    }

    fn json(&self) -> Value {
        let mut body = json!({"message": self.message(), "code": self.status().as_u16()});
        if let Some(target) = self.target() {
            body["sandboxId"] = json!(target.sandbox.as_str());
        }
        if let Self::PortClosed(target) | Self::Silent(target) = self {
            body["port"] = json!(target.port);
        }
        body
    }

    /// A few words on a page. Nothing in it is the client's own: ids and ports are checked, the rest is ours.
    fn html(&self) -> String {
        let place = match (self, self.target()) {
            (Self::PortClosed(_) | Self::Silent(_), Some(target)) => {
                format!("<p>Port {} of sandbox {}</p>", target.port, target.sandbox)
            }
            (_, Some(target)) => format!("<p>Sandbox {}</p>", target.sandbox),
            (_, None) => String::new(),
        };
        let message = self.message();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{message}</title><h1>{message}</h1>{place}</html>\n"
        )
    }

    pub(super) fn into_response(self, is_browser: bool) -> Response {
        let status = self.status();
        let mut response = if is_browser {
            (status, Html(self.html())).into_response()
        } else {
            (status, Json(self.json())).into_response()
        };
        if matches!(
            self,
            Self::Away(_) | Self::Busy(_) | Self::Full(_) | Self::Turning(_) | Self::NoRoom(_)
        ) {
            let after = header::HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

/// Whether a person is to read the answer.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use roost_schemas::SandboxId;

    use super::*;

    fn target() -> Target {
        Target {
            sandbox: SandboxId::new("abc").unwrap(),
            port: 3000,
        }
    }

    #[test]
    fn the_contract_s_bodies() {
        assert_eq!(
            Refusal::NotFound(target()).json(),
            json!({"sandboxId": "abc", "message": "The sandbox was not found", "code": 502})
        );
        assert_eq!(
            Refusal::PortClosed(target()).json(),
            json!({"sandboxId": "abc", "message": "The sandbox is running but port is not open", "port": 3000, "code": 502})
        );
    }

    #[test]
    fn only_a_dead_sandbox_is_told_as_one() {
        for alive in [
            Refusal::PortClosed(target()),
            Refusal::Silent(target()),
            Refusal::Away(target()),
            Refusal::Busy(target()),
            Refusal::Full(target()),
            Refusal::Denied(target()),
            Refusal::Turning(target()),
            Refusal::NoRoom(target()),
        ] {
            assert!(!alive.message().contains("not found"), "{alive:?}");
        }
    }
}
