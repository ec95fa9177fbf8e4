//! What names and numbers in paths, queries and headers may be, said once for every route that has them.

use roost_domain::sandbox::Phase;
use utoipa::Modify;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::operations;
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::limits::MAX_PAGE;
use crate::sequence::{MAX_SEQUENCE, MIN_SEQUENCE};

/// An id of ours.
const ID: &str = "^[a-z0-9]{1,40}$";
/// A tenant's id.
const TENANT: &str = "^[a-z0-9][a-z0-9_-]{0,39}$";
/// The same, or all of them.
const TENANTS: &str = "^([*]|[a-z0-9][a-z0-9_-]{0,39})$";
/// Sandboxes' ids, separated by commas.
const IDS: &str = "^[a-z0-9]{1,40}(,[a-z0-9]{1,40}){0,99}$";
/// Events' types, separated by commas.
const TYPES: &str = "^[a-z_]{1,40}(,[a-z_]{1,40}){0,99}$";
/// A template's name.
const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";
/// A command's id that a client may choose.
const KEY: &str = "^[A-Za-z0-9._-][A-Za-z0-9._:@-]{0,127}$";
/// A path: none has a NUL.
const TEXT: &str = "^[^\\u0000]+$";
/// A user's name; nothing means the default one.
const USER: &str = "^[^\\u0000]*$";
/// A sequence, or a time (RFC 3339).
const AFTER: &str = "^([0-9]{1,18}|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z)$";

/// Writes into the document what values its parameters take.
pub(super) struct Values;

impl Modify for Values {
    fn modify(&self, document: &mut OpenApi) {
        write(document, |_, parameter| values(parameter));
    }
}

/// Gives every parameter the schema that `values` has for it on its path.
pub(crate) fn write(document: &mut OpenApi, values: fn(&str, &Parameter) -> Option<RefOr<Schema>>) {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if let Some(schema) = values(path, parameter) {
                    parameter.schema = Some(schema);
                }
            }
        }
    }
}

/// What a parameter of this name may be; nothing if it is described where it is.
fn values(parameter: &Parameter) -> Option<RefOr<Schema>> {
    Some(match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Path, "id" | "process" | "key" | "webhook") | (ParameterIn::Query, "cursor") => {
            text(ID)
        }
        (ParameterIn::Path, "tenant") => text(TENANT),
        (ParameterIn::Query, "tenant") => text(TENANTS),
        (ParameterIn::Query, "sandbox") => text(IDS),
        (ParameterIn::Query, "type") => text(TYPES),
        (ParameterIn::Path, "name") => text(NAME),
        (ParameterIn::Path, "sequence") => number(1, MAX_SEQUENCE),
        (ParameterIn::Query, "limit") => number(1, MAX_PAGE as u64),
        (ParameterIn::Query, "state") => text(&states()),
        (ParameterIn::Query, "path") => text(TEXT),
        (ParameterIn::Query, "user") => text(USER),
        (ParameterIn::Query, "after") => text(AFTER),
        (ParameterIn::Header, IDEMPOTENCY_KEY) => text(KEY),
        (ParameterIn::Header, MIN_SEQUENCE) => number(0, MAX_SEQUENCE),
        _ => return None,
    })
}

/// States separated by commas.
fn states() -> String {
    let one = Phase::SEEN.map(Phase::as_str).join("|");
    format!("^({one})(,({one}))*$")
}

pub(crate) fn text(pattern: &str) -> RefOr<Schema> {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern));
    schema.build().into()
}

pub(crate) fn number(least: u64, most: u64) -> RefOr<Schema> {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(least))
        .maximum(Some(most));
    schema.build().into()
}

/// A point in time (RFC 3339).
pub(crate) fn time() -> RefOr<Schema> {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    schema.format(Some(format)).build().into()
}
