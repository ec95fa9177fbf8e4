//! The trace that a request is a part of, and that goes on in the program which it starts.
//!
//! A program is told by the environment variable `TRACEPARENT`, as OpenTelemetry's specification has it ("Environment
//! Variables as Context Propagation Carriers"): what it records with any of that project's libraries joins the trace.

use http::HeaderMap;
use roost_schemas::trace::{HEADER, TraceParent};

/// The variable.
pub(super) const VARIABLE: &str = "TRACEPARENT";

/// Where the sender is in its trace, if it says so.
pub(super) fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get(HEADER)?.to_str().ok()?.parse().ok()
}
