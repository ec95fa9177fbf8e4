//! The data plane between gateway and host: plain HTTP/1.1, with where it goes in headers.
//!
//! The gateway forwards a client's request as it is to the edge of the sandbox's host, adding the headers below; the edge
//! takes them off, checks them, and forwards the rest to the guest. What the edge itself answers carries [`ERROR`].

use std::fmt;
use std::str::FromStr;

/// The sandbox that is meant.
pub const SANDBOX: &str = "roost-sandbox";
/// The TCP port in it that is meant.
pub const PORT: &str = "roost-port";
/// [`TokenKey::edge`](crate::token::TokenKey::edge): only the gateway may speak to an edge.
pub const TOKEN: &str = "roost-edge-token";
/// On answers of the edge itself: why it did not forward, an [`EdgeError`].
pub const ERROR: &str = "roost-edge-error";
/// How all headers begin that must never come from a client.
pub const PREFIX: &str = "roost-";

/// Why an edge did not forward a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeError {
    /// The headers of this module are missing or wrong, or the token is.
    Forbidden,
    /// The sandbox does not run on this host.
    NoSandbox,
    /// Nothing listens at that port.
    PortClosed,
    /// The path is one of the agent's that is the host's alone.
    NoPath,
    /// The guest did not take the connection in time, or broke it before it answered.
    Unreachable,
    /// The sandbox has as many requests under way as it may.
    Busy,
}

impl EdgeError {
    const ALL: [Self; 6] = [
        Self::Forbidden,
        Self::NoSandbox,
        Self::PortClosed,
        Self::NoPath,
        Self::Unreachable,
        Self::Busy,
    ];

    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NoSandbox => "no_sandbox",
            Self::PortClosed => "port_closed",
            Self::NoPath => "no_path",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for EdgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no [`EdgeError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an error that an edge answers with")]
pub struct UnknownEdgeError(String);

impl FromStr for EdgeError {
    type Err = UnknownEdgeError;

    fn from_str(text: &str) -> Result<Self, UnknownEdgeError> {
        Self::ALL
            .into_iter()
            .find(|error| error.as_str() == text)
            .ok_or_else(|| UnknownEdgeError(text.to_owned()))
    }
}

/// Whether a path of the agent's is open to clients; everything else on its port is for the host alone.
pub fn is_public_path(path: &str) -> bool {
    matches!(
        path,
        "/health" | "/metrics" | "/envs" | "/files" | "/files/compose"
    ) || ["/process.Process/", "/filesystem.Filesystem/"]
        .iter()
        .any(|service| path.starts_with(service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_reads_back() {
        for error in EdgeError::ALL {
            assert_eq!(error.as_str().parse(), Ok(error));
        }
        assert!("".parse::<EdgeError>().is_err());
    }

    #[test]
    fn what_is_the_hosts_alone_is_not_public_however_it_is_written() {
        assert!(is_public_path("/files") && is_public_path("/process.Process/Start"));
        for private in [
            "/init",
            "/audit",
            "/",
            "",
            "//init",
            "/files/../init",
            "/%69nit",
            "files",
        ] {
            assert!(!is_public_path(private), "{private:?}");
        }
    }
}
