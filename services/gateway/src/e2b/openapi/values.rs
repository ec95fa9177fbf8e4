//! What names and numbers in E2B's paths, queries and headers may be.

use utoipa::Modify;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use crate::e2b::metrics::LATEST;
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::openapi::values::{number, text, time, write};

/// A sandbox's id, alone or with its client.
const ID: &str = "^[a-z0-9]{1,40}(-[a-z0-9]{1,40})?$";
/// The same, separated by commas.
const IDS: &str = "^[a-z0-9]{1,40}(-[a-z0-9]{1,40})?(,[a-z0-9]{1,40}(-[a-z0-9]{1,40})?){0,99}$";
/// A template's name.
const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}(:default)?$";
/// The same, or nothing.
const NAME_BEFORE: &str = "^([a-z0-9][a-z0-9_-]{0,62}(:default)?)?$";
/// States separated by commas.
const STATES: &str = "^(running|paused)(,(running|paused))*$";
/// The newest first, or the oldest.
const ORDER: &str = "^(asc|desc)$";
/// A command's id that a client may choose.
const KEY: &str = "^[A-Za-z0-9._-][A-Za-z0-9._:@-]{0,254}$";
/// Entries a page has at most.
const PAGE: u64 = 100;

/// Writes into the description what values its parameters take.
pub(super) struct Values;

impl Modify for Values {
    fn modify(&self, document: &mut OpenApi) {
        write(document, values);
    }
}

/// What a parameter of this name may be; nothing if it is described where it is.
fn values(path: &str, parameter: &Parameter) -> Option<RefOr<Schema>> {
    Some(match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Path, "id") | (ParameterIn::Query, "sandboxID") => text(ID),
        (ParameterIn::Query, "sandbox_ids") => text(IDS),
        (ParameterIn::Path, "template" | "alias") | (ParameterIn::Query, "template" | "name") => text(NAME),
        // The other list's is a text that only the list itself can make.
        (ParameterIn::Query, "nextToken") if path == "/snapshots" => text(NAME_BEFORE),
        (ParameterIn::Query, "state") => text(STATES),
        (ParameterIn::Query, "order") => text(ORDER),
        (ParameterIn::Query, "startedAfter") => time(),
        (ParameterIn::Query, "start" | "end") => number(0, LATEST),
        (ParameterIn::Query, "limit") => number(1, PAGE),
        (ParameterIn::Header, IDEMPOTENCY_KEY) => text(KEY),
        _ => return None,
    })
}
