//! The guest's console, which no snapshot holds: each engine is told of its own.

use roost_engine::api::Serial;

/// Bytes a day that a guest's console may write to its log.
const BYTES: u64 = 256 * 1024;

/// Where an engine, which sees its jail alone, writes it.
const PATH: &str = "/console.log";

pub(super) fn own() -> Serial {
    Serial::bounded(PATH, BYTES)
}
