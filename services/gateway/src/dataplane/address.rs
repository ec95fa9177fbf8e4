//! Which port of which sandbox a request is for.
//!
//! A host name that names a port decides; then E2B's routing headers do, whatever the host is called: with
//! `E2B_SANDBOX_URL` every request comes to the gateway's own name.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use roost_schemas::{SandboxId, envd};

/// E2B's routing headers.
pub(super) const SANDBOX: &str = "e2b-sandbox-id";
pub(super) const PORT: &str = "e2b-sandbox-port";

/// A port of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) sandbox: SandboxId,
    /// Never 0.
    pub(super) port: u16,
}

/// Why an address is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAddress {
    #[error("Invalid host")]
    Host,
    #[error("Invalid sandbox ID")]
    Sandbox,
    #[error("Invalid sandbox port")]
    Port,
}

impl Target {
    /// The sandbox's agent.
    pub(super) fn agent(sandbox: SandboxId) -> Self {
        let port = envd::PORT;
        Self { sandbox, port }
    }

    pub(super) fn is_agent(&self) -> bool {
        self.port == envd::PORT
    }

    /// Reads it; nothing if the request is for the gateway itself.
    pub(super) fn of<B>(request: &Request<B>, domain: &str) -> Result<Option<Self>, BadAddress> {
        if let Some(host) = host(request)?
            && let Some((port, sandbox)) = label(host, domain)
        {
            return Self::parse(port, &sandbox.to_ascii_lowercase()).map(Some);
        }
        let headers = request.headers();
        let Some(sandbox) = once(headers, SANDBOX, BadAddress::Sandbox)? else {
            return Ok(None);
        };
        match once(headers, PORT, BadAddress::Port)? {
            Some(port) => Self::parse(port, sandbox).map(Some),
            None => Self::parse(&envd::PORT.to_string(), sandbox).map(Some),
        }
    }

    fn parse(port: &str, sandbox: &str) -> Result<Self, BadAddress> {
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if port != 0 && is_number => {
                let sandbox = SandboxId::new(sandbox).map_err(|_| BadAddress::Sandbox)?;
                Ok(Self { sandbox, port })
            }
            _ => Err(BadAddress::Port),
        }
    }
}

/// The host that a request is sent to; what its target names comes first (RFC 9112, 3.2.2).
pub(super) fn host<B>(request: &Request<B>) -> Result<Option<&str>, BadAddress> {
    match request.uri().authority() {
        Some(authority) => Ok(Some(authority.as_str())),
        None => once(request.headers(), header::HOST.as_str(), BadAddress::Host),
    }
}

/// The port and the sandbox of `<port>-<sandbox>.<domain>`. Ports of host and domain are not compared: what stands
/// before this gateway may listen on another.
fn label<'a>(host: &'a str, domain: &str) -> Option<(&'a str, &'a str)> {
    let (host, domain) = (without_port(host), without_port(domain));
    let host = host.strip_suffix('.').unwrap_or(host);
    let (label, rest) = host.split_once('.')?;
    let (port, sandbox) = label.split_once('-')?;
    // Other names with a hyphen may well be somebody's name of the gateway.
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && rest.eq_ignore_ascii_case(domain)).then_some((port, sandbox))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The header's only value, if it is there; `odd` if it is there twice or is no text.
fn once<'a>(headers: &'a HeaderMap, name: &str, odd: BadAddress) -> Result<Option<&'a str>, BadAddress> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| odd),
        (Some(_), Some(_)) => Err(odd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str, pairs: &[(&str, &str)]) -> Result<Option<(u16, String)>, BadAddress> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let target = Target::of(&request.body(()).unwrap(), "Sandboxes.example:8443")?;
        Ok(target.map(|target| (target.port, target.sandbox.to_string())))
    }

    fn at(host: &str) -> Result<Option<(u16, String)>, BadAddress> {
        read("/", &[("host", host)])
    }

    #[test]
    fn a_host_name_names_port_and_sandbox() {
        let found = Ok(Some((8000, "abc1".to_owned())));
        for host in [
            "8000-abc1.sandboxes.example",
            "8000-ABC1.SANDBOXES.example:443",
            "8000-abc1.sandboxes.example.",
        ] {
            assert_eq!(at(host), found, "{host}");
        }
        assert_eq!(
            read("http://8000-abc1.sandboxes.example/a", &[("host", "else")]),
            found
        );
    }

    #[test]
    fn other_names_are_the_gateway_s() {
        for host in [
            "sandboxes.example",
            "api.sandboxes.example",
            "my-gateway.sandboxes.example",
            "8000-abc1.elsewhere.example",
            "a.8000-abc1.sandboxes.example",
            "8000-abc1.sandboxes.example.evil",
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost",
            "",
        ] {
            assert_eq!(at(host), Ok(None), "{host}");
        }
        assert_eq!(read("/", &[]), Ok(None));
    }

    #[test]
    fn what_names_no_port_or_no_sandbox_is_told_so() {
        assert_eq!(at("0-abc.sandboxes.example"), Err(BadAddress::Port));
        assert_eq!(at("65536-abc.sandboxes.example"), Err(BadAddress::Port));
        assert_eq!(at("80-.sandboxes.example"), Err(BadAddress::Sandbox));
        assert_eq!(at("80-a_b.sandboxes.example"), Err(BadAddress::Sandbox));
        assert_eq!(at("80-a-b.sandboxes.example"), Err(BadAddress::Sandbox));
        for (port, sandbox, error) in [
            ("x", "abc", BadAddress::Port),
            ("+80", "abc", BadAddress::Port),
            ("", "abc", BadAddress::Port),
            ("80", "ABC", BadAddress::Sandbox),
            ("80", "../abc", BadAddress::Sandbox),
        ] {
            assert_eq!(
                read("/", &[(PORT, port), (SANDBOX, sandbox)]),
                Err(error),
                "{port} {sandbox}"
            );
        }
        assert_eq!(
            read("/", &[(SANDBOX, "a"), (SANDBOX, "b")]),
            Err(BadAddress::Sandbox)
        );
        assert_eq!(read("/", &[("host", "a"), ("host", "b")]), Err(BadAddress::Host));
    }

    #[test]
    fn headers_name_them_unless_the_host_does() {
        let found = |port| Ok(Some((port, "abc".to_owned())));
        assert_eq!(
            read("/", &[("host", "x:1"), (SANDBOX, "abc"), (PORT, "80")]),
            found(80)
        );
        assert_eq!(read("/", &[(SANDBOX, "abc")]), found(envd::PORT));
        assert_eq!(read("/", &[(PORT, "80")]), Ok(None));
        let both = [
            ("host", "81-abc.sandboxes.example"),
            (SANDBOX, "other"),
            (PORT, "80"),
        ];
        assert_eq!(read("/", &both), found(81));
    }
}
