//! What a guest sees of a request: the client's headers, without what was for the gateway, and where they came from.
//!
//! `X-Access-Token` passes to every port: it is the sandbox's own, a client sends it by choice, and E2B's code
//! interpreter needs it at port 49999. API keys of this gateway pass to none.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use roost_schemas::edge;

use super::address::{self, PORT, SANDBOX, Target};
use super::reach::{TRAFFIC, Way};
use crate::observe;
use crate::state::Gateway;

const API_KEY: &str = "x-api-key";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// What stands for the port in a policy's mask.
const MASKED_PORT: &str = "${PORT}";

/// Who asks, and under which name.
#[derive(Debug, Default)]
pub(super) struct Client {
    address: Option<SocketAddr>,
    host: Option<HeaderValue>,
}

impl Client {
    pub(super) fn of(request: &Request) -> Self {
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let host = address::host(request).ok().flatten();
        Self {
            address: address.map(|ConnectInfo(address)| *address),
            host: host.and_then(|host| HeaderValue::try_from(host).ok()),
        }
    }
}

/// Makes a client's headers, hop-by-hop ones off already, into those that go to the edge.
pub(super) fn dress(headers: &mut HeaderMap, client: &Client, target: &Target, way: &Way, gateway: &Gateway) {
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| is_ours(name.as_str()))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    strip_key(headers, |key| gateway.is_key(key));
    tell_origin(headers, client);
    observe::pass_on(headers);
    if let Some(host) = shown_host(client, target, way) {
        headers.insert(HOST, host);
    }
    for (name, value) in &way.headers {
        let value = HeaderValue::try_from(value).expect("ids, ports and tokens fit a header");
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Whether a header is between client and gateway, or gateway and edge.
fn is_ours(name: &str) -> bool {
    [SANDBOX, PORT, TRAFFIC].contains(&name) || name.starts_with(edge::PREFIX)
}

/// Takes this gateway's keys off. Another key under the same name is a matter between the client and the guest.
fn strip_key(headers: &mut HeaderMap, is_key: impl Fn(&[u8]) -> bool) {
    if headers
        .get_all(API_KEY)
        .iter()
        .any(|value| is_key(value.as_bytes()))
    {
        headers.remove(API_KEY);
    }
    let bearer = |value: &HeaderValue| {
        let (_, key) = value.to_str().ok()?.split_once(' ')?;
        Some(is_key(key.trim().as_bytes()))
    };
    if headers
        .get_all(AUTHORIZATION)
        .iter()
        .any(|value| bearer(value) == Some(true))
    {
        headers.remove(AUTHORIZATION);
    }
}

/// Adds the client to those that the request came through. What ends TLS before us has said so; without it this is
/// plain HTTP.
fn tell_origin(headers: &mut HeaderMap, client: &Client) {
    if let Some(address) = client.address {
        let before = headers
            .get_all(&FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let own = address.ip().to_canonical().to_string();
        let all: Vec<_> = before.chain([own.as_str()]).collect();
        if let Ok(all) = HeaderValue::try_from(all.join(", ")) {
            headers.insert(FORWARDED_FOR, all);
        }
    }
    headers
        .entry(FORWARDED_PROTO)
        .or_insert(HeaderValue::from_static("http"));
    match &client.host {
        Some(host) => headers.insert(FORWARDED_HOST, host.clone()),
        None => headers.remove(FORWARDED_HOST),
    };
}

/// The name under which a server is addressed; its policy may hide the real one.
fn shown_host(client: &Client, target: &Target, way: &Way) -> Option<HeaderValue> {
    let mask = way.policy.mask_host.as_ref().filter(|_| !target.is_agent());
    let masked = mask.map(|mask| mask.replace(MASKED_PORT, &target.port.to_string()));
    masked
        .and_then(|masked| HeaderValue::try_from(masked).ok())
        .or_else(|| client.host.clone())
}

#[cfg(test)]
mod tests {
    use roost_schemas::SandboxId;
    use roost_schemas::network::NetworkPolicy;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_key_is_taken_off() {
        let is_key = |key: &[u8]| key == b"ours";
        let mut ours = headers(&[("x-api-key", "ours"), ("authorization", "bearer ours")]);
        strip_key(&mut ours, is_key);
        assert!(ours.is_empty());
        let mut theirs = headers(&[("x-api-key", "theirs"), ("authorization", "Basic dTpw")]);
        strip_key(&mut theirs, is_key);
        assert_eq!(theirs.len(), 2);
    }

    #[test]
    fn the_client_is_added_to_those_before_it() {
        let client = Client {
            address: Some("[::ffff:10.0.0.1]:5".parse().unwrap()),
            host: Some(HeaderValue::from_static("shown")),
        };
        let mut all = headers(&[
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "spoofed"),
        ]);
        tell_origin(&mut all, &client);
        assert_eq!(all["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 10.0.0.1");
        assert_eq!(all["x-forwarded-proto"], "https");
        assert_eq!(all["x-forwarded-host"], "shown");
    }

    #[test]
    fn a_mask_hides_the_host_from_servers_but_not_from_the_agent() {
        let client = Client {
            host: Some(HeaderValue::from_static("real")),
            ..Client::default()
        };
        let way = |mask: Option<&str>| Way {
            edge: "edge:1".parse().unwrap(),
            headers: Default::default(),
            policy: NetworkPolicy {
                mask_host: mask.map(str::to_owned),
                ..NetworkPolicy::default()
            },
        };
        let agent = Target::agent(SandboxId::new("abc").unwrap());
        let server = Target {
            port: 80,
            ..agent.clone()
        };
        let masked = way(Some("localhost:${PORT}"));
        assert_eq!(shown_host(&client, &server, &masked).unwrap(), "localhost:80");
        assert_eq!(shown_host(&client, &agent, &masked).unwrap(), "real");
        assert_eq!(shown_host(&client, &server, &way(None)).unwrap(), "real");
    }
}
