//! What a webhook may be.

use std::net::IpAddr;

use roost_schemas::address::is_public;
use roost_schemas::event::SandboxEvent;
use roost_schemas::network::Cidr;
use roost_schemas::webhook::WebhookSpec;
use url::{Host, Url};

use crate::Rejection;
use crate::sandbox::check_pairs;

/// Webhooks that a tenant may have at a time.
pub const MAX_WEBHOOKS: usize = 20;
/// Bytes that a webhook's URL may have.
pub const MAX_URL: usize = 2_048;

/// Where webhooks may go: to the internet, and to what an operator allows besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    allowed: Vec<Cidr>,
}

impl Targets {
    /// The internet, and `allowed`.
    pub fn new(allowed: Vec<Cidr>) -> Self {
        Self { allowed }
    }

    /// Whether a webhook may go to `address`.
    pub fn admit(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|range| range.contains(address))
    }

    /// Reads a URL that webhooks can be posted to. A name in it is not looked up: where that leads is to be checked
    /// whenever it is gone to.
    pub fn check(&self, url: &str) -> Result<Url, Rejection> {
        let invalid = |rule: &str| Rejection::invalid("url", url, rule);
        if url.len() > MAX_URL {
            return Err(invalid(&format!("at most {MAX_URL} bytes")));
        }
        let parsed = Url::parse(url)
            .map_err(|error| invalid(&format!("a URL such as https://example.com/hook ({error})")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(invalid("the scheme is http or https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("no user and no password: what is told is signed instead"));
        }
        if parsed.fragment().is_some() {
            return Err(invalid("no fragment: it would not be sent"));
        }
        if parsed.port() == Some(0) {
            return Err(invalid("a port that can be connected to"));
        }
        let address = match parsed.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(invalid("it names a host")),
        };
        match address {
            Some(address) if !self.admit(address) => Err(invalid("webhooks go to public addresses alone")),
            _ => Ok(parsed),
        }
    }
}

/// Refuses what no webhook can be.
pub fn check_spec(spec: &WebhookSpec, targets: &Targets) -> Result<(), Rejection> {
    targets.check(&spec.url)?;
    for (index, word) in spec.types.iter().enumerate() {
        if !SandboxEvent::KINDS.contains(&word.as_str()) {
            let known = SandboxEvent::KINDS.join(", ");
            return Err(Rejection::invalid("types", word, format!("use some of {known}")));
        }
        if spec.types[..index].contains(word) {
            return Err(Rejection::invalid("types", word, "each type once"));
        }
    }
    check_pairs("metadata", &spec.metadata)
}
