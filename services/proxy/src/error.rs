//! Why a request was not forwarded, or its answer not taken.

use std::error::Error;

/// A request that must not be forwarded: its sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A client asks for a tunnel to a place of its choice.
    #[error("CONNECT is not taken here: send the request itself")]
    Connect,
    /// Nothing to ask for at a server.
    #[error("the request's target is no path: send one that begins with / (or * with OPTIONS)")]
    NoPath,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection came about; the connector's own error is among the sources.
    #[error("no connection to {authority}")]
    Connect {
        /// Where to.
        authority: http::uri::Authority,
        /// Why not.
        source: hyper_util::client::legacy::Error,
    },
    /// The connection broke before an answer's head had come, or what came is no answer that we take.
    #[error("no answer from {authority}")]
    Broken {
        /// From where.
        authority: http::uri::Authority,
        /// What broke it.
        source: hyper_util::client::legacy::Error,
    },
    /// The server answers with a protocol that nobody asked for.
    #[error("{authority} switches to a protocol that it was not asked for")]
    Unasked {
        /// The server.
        authority: http::uri::Authority,
    },
    /// The exchange's lease has ended.
    #[error("the exchange was ended")]
    Ended,
}

impl ForwardError {
    /// The source of this kind, however deep; a connector's error for one.
    pub fn find<E: Error + 'static>(&self) -> Option<&E> {
        let mut next = self.source();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Itself and what led to it, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        text
    }
}
