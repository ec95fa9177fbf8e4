//! What an answer means, whatever bytes it consists of.

use crate::{api::Fault, error::EngineError};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::{path::PathBuf, time::Duration};

/// Characters kept of a refusal's message, or of a body that is quoted in an error.
const EXCERPT_CHARS: usize = 500;

/// A request as errors name it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) socket: PathBuf,
    pub(super) method: String,
    pub(super) path: String,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answer {
    /// Success without content.
    pub(super) fn accepted(self, asked: &Asked) -> Result<(), EngineError> {
        match self.status {
            200..=299 => Ok(()),
            _ => Err(self.failure(asked)),
        }
    }

    /// Success with a JSON document.
    pub(super) fn document<T: DeserializeOwned>(self, asked: &Asked) -> Result<T, EngineError> {
        match self.status {
            200..=299 => serde_json::from_slice(&self.body).map_err(|reason| {
                asked.malformed(self.status, format!("{reason} in {:?}", excerpt(&self.body)))
            }),
            _ => Err(self.failure(asked)),
        }
    }

    /// A refusal quotes the fault message where there is one. Firecracker's own HTTP parser refuses an oversized body
    /// with something that is not JSON, so the raw text has to do as well.
    fn failure(&self, asked: &Asked) -> EngineError {
        if !(400..=599).contains(&self.status) {
            return asked.malformed(self.status, "neither success nor refusal".to_owned());
        }
        let fault_message = match serde_json::from_slice::<Fault>(&self.body) {
            Ok(fault) => excerpt(fault.fault_message.as_bytes()),
            Err(_) => excerpt(&self.body),
        };
        EngineError::Refused {
            socket: asked.socket.clone(),
            method: asked.method.clone(),
            path: asked.path.clone(),
            status: self.status,
            fault_message,
        }
    }
}

impl Asked {
    pub(super) fn transport(&self, source: impl std::error::Error + Send + Sync + 'static) -> EngineError {
        EngineError::Transport {
            socket: self.socket.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            source: Box::new(source),
        }
    }

    pub(super) fn deadline(&self, after: Duration) -> EngineError {
        EngineError::Deadline {
            socket: self.socket.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            after,
        }
    }

    pub(super) fn malformed(&self, status: u16, reason: String) -> EngineError {
        EngineError::Malformed {
            socket: self.socket.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            status,
            reason,
        }
    }
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(EXCERPT_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceInfo;
    use proptest::prelude::*;

    fn asked() -> Asked {
        Asked {
            socket: "/run/e.sock".into(),
            method: "GET".into(),
            path: "/".into(),
        }
    }

    #[test]
    fn a_refusal_carries_the_fault_message() {
        let answer = Answer {
            status: 400,
            body: Bytes::from_static(br#"{"fault_message":"no such file"}"#),
        };
        let error = answer.accepted(&asked()).unwrap_err();
        assert!(
            matches!(error, EngineError::Refused { status: 400, fault_message, .. } if fault_message == "no such file")
        );
    }

    #[test]
    fn a_refusal_that_is_not_json_is_quoted() {
        let answer = Answer {
            status: 400,
            body: Bytes::from_static(b"{ \"error\": \"too big\n\" }"),
        };
        let error = answer.accepted(&asked()).unwrap_err();
        assert!(
            matches!(error, EngineError::Refused { fault_message, .. } if fault_message.contains("too big"))
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_a_value_or_a_bounded_error(
            status in 100_u16..1000,
            body in proptest::collection::vec(any::<u8>(), 0..4096),
        ) {
            let answer = Answer { status, body: Bytes::from(body) };
            if let Err(error) = answer.document::<InstanceInfo>(&asked()) {
                prop_assert!(error.to_string().len() < 8 * EXCERPT_CHARS);
            }
        }
    }
}
