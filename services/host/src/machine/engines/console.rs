//! The guest's console, which no snapshot holds: each engine is told of its own.

use roost_engine::api::Serial;

use super::home::Home;

/// Bytes a day that a guest's console may write to its log.
const BYTES: u64 = 256 * 1024;

pub(super) fn of(home: &Home) -> Serial {
    Serial::bounded(home.console(), BYTES)
}
