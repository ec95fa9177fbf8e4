//! Signed file URLs that name no sandbox.
//!
//! With `E2B_SANDBOX_URL` set, the SDKs' upload and download URLs are `<url>/files?path=…&signature=v1_…`: a browser or
//! curl opens them without E2B's routing headers, and nothing in them says which sandbox is meant. But the signature
//! does: it is `v1_` and the unpadded base64 of SHA-256 over `path:read|write:user:token[:expiration]`, the token being
//! the sandbox's, which only we derive. So the sandbox is the one whose token gives this signature, of those that run or
//! that a request may resume. The agent
//! checks it again, and whether it has expired.
//!
//! A request costs two short hashes per running sandbox, so few are worked on at a time, and so many sandboxes at most.

use axum::extract::Request;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use roost_domain::sandbox::Phase;
use roost_schemas::SandboxId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::Plane;
use super::address::Target;
use super::answer::Refusal;
use crate::wake::sleeps;

/// The path that is signed.
const PATH: &str = "/files";
/// Signatures worked on at a time.
const AT_A_TIME: usize = 2;
/// Sandboxes that are tried.
const TRIED: usize = 10_000;

/// What a URL claims that some sandbox has signed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    path: String,
    operation: &'static str,
    user: String,
    expiration: Option<String>,
    signature: String,
}

impl Claim {
    /// Reads it; nothing if the request is no signed one for a file.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let operation = match *request.method() {
            Method::GET | Method::HEAD => "read",
            Method::POST => "write",
            _ => return None,
        };
        if request.uri().path() != PATH {
            return None;
        }
        let mut claim = Self {
            operation,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(request.uri().query()?.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "path" => claim.path = value,
                "username" => claim.user = value,
                "signature_expiration" => claim.expiration = Some(value),
                // Somebody who writes URLs by hand may not have escaped the plus of base64.
                "signature" => claim.signature = value.replace(' ', "+"),
                _ => {}
            }
        }
        (!claim.signature.is_empty()).then_some(claim)
    }

    /// Whether the sandbox with this token has signed it.
    pub(super) fn is_signed_with(&self, token: &str) -> bool {
        let mut hash = Sha256::new();
        let parts = [&*self.path, self.operation, &*self.user, token];
        hash.update(parts.join(":"));
        if let Some(expiration) = &self.expiration {
            hash.update(format!(":{expiration}"));
        }
        let signature = format!("v1_{}", STANDARD_NO_PAD.encode(hash.finalize()));
        signature.as_bytes().ct_eq(self.signature.as_bytes()).into()
    }
}

/// Bounds the work on signatures.
pub(super) struct Signatures(Semaphore);

impl Default for Signatures {
    fn default() -> Self {
        Self(Semaphore::new(AT_A_TIME))
    }
}

impl Plane {
    /// The agent of the sandbox that has signed the claim.
    pub(super) async fn signer(&self, claim: &Claim) -> Result<Target, Refusal> {
        if let Some(target) = self.find_signer(claim).await {
            return Ok(target);
        }
        // It may be newer than what we know; if the log is away, what we know has to do.
        if let Err(error) = self.gateway.catch_up().reach(&self.gateway).await {
            tracing::warn!(%error, "cannot tell who has signed a URL");
        }
        self.find_signer(claim).await.ok_or(Refusal::Unsigned)
    }

    async fn find_signer(&self, claim: &Claim) -> Option<Target> {
        // Never closed; without a turn there would be no bound, but still an answer.
        let _turn = self.signatures.0.acquire().await;
        let answering: Vec<SandboxId> = self.gateway.fleet().read(|fleet| {
            let answering = fleet
                .live()
                .filter(|(_, _, view)| view.state.phase == Phase::Running || sleeps(&view.state));
            answering.map(|(_, id, _)| id.clone()).take(TRIED).collect()
        });
        let signer = answering
            .into_iter()
            .find(|id| claim.is_signed_with(&self.gateway.tokens().access(id)));
        signer.map(Target::agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `get_signature` of E2B's Python SDK 2.63.0 for the token `t0k3n`.
    const SIGNED: [(&str, &str); 3] = [
        (
            "GET",
            "/files?path=%2Fhome%2Fuser%2Fa+b.txt&signature=v1_JJwUnN3jAgsoaS%2BdGCJq0ectMBQEew4aQYlPhqA5Qhk",
        ),
        (
            "POST",
            "/files?path=rel%2F%C3%A9%3Ax&username=root&signature=v1_wt7hQOXrTBcOTlyJwMlkmlDHc8L6XsKmOS%2B6sjs8pcU&signature_expiration=1700000060",
        ),
        (
            "GET",
            "/files?path=%2Ftmp%2Fx1&username=user&signature=v1_blOv3VkG7H6UkkBVfildl%2FC9uA5ICzUyQzxOeBSmsTA",
        ),
    ];

    fn claim(method: &str, uri: &str) -> Option<Claim> {
        Claim::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn the_sdk_s_signatures_are_recognised() {
        for (method, uri) in SIGNED {
            let claim = claim(method, uri).unwrap();
            assert!(claim.is_signed_with("t0k3n"), "{uri}");
            assert!(!claim.is_signed_with("t0k3m"), "{uri}");
        }
        let (_, read) = SIGNED[0];
        assert!(
            !claim("POST", read).unwrap().is_signed_with("t0k3n"),
            "not for writing"
        );
    }

    #[test]
    fn what_is_not_signed_is_no_claim() {
        for (method, uri) in [
            ("GET", "/files"),
            ("GET", "/files?path=a"),
            ("GET", "/files?signature="),
            ("GET", "/v1/files?signature=v1_a"),
            ("DELETE", "/files?signature=v1_a"),
        ] {
            assert_eq!(claim(method, uri), None, "{method} {uri}");
        }
    }
}
