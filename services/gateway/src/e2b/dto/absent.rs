//! What E2B's API has and Roost has not, as the description tells it: a field that may be there, but ask for nothing.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};

/// Why there is nothing else to say.
const ABSENT: &str = "Not available here: refused if it asks for anything.";

/// A field that only `null` fits.
pub(in crate::e2b) fn nothing() -> Schema {
    let field = ObjectBuilder::new().schema_type(Type::Null);
    field.description(Some(ABSENT)).build().into()
}

/// An object without fields.
pub(in crate::e2b) fn no_fields() -> Schema {
    let field = ObjectBuilder::new().schema_type(or_null(Type::Object));
    field
        .max_properties(Some(0))
        .description(Some(ABSENT))
        .build()
        .into()
}

/// A list without entries.
pub(in crate::e2b) fn no_entries() -> Schema {
    let field = ArrayBuilder::new().schema_type(or_null(Type::Array));
    field
        .items(ObjectBuilder::new())
        .max_items(Some(0))
        .description(Some(ABSENT))
        .build()
        .into()
}

/// Whether memory is kept, which it always is.
pub(in crate::e2b) fn always() -> Schema {
    let field = ObjectBuilder::new().schema_type(or_null(Type::Boolean));
    field
        .enum_values(Some([Some(true), None]))
        .description(Some(
            "Whether memory is kept with the disk, which it always is: `false` is refused.",
        ))
        .build()
        .into()
}

fn or_null(one: Type) -> SchemaType {
    SchemaType::from_iter([one, Type::Null])
}
