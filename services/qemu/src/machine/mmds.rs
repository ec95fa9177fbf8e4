//! The data of the metadata service: any JSON, bounded.

use crate::machine::Fault;
use roost_engine::api::MAX_BODY_BYTES;
use serde_json::{Map, Value};

/// Most bytes that the data may have when it is written without spaces: Firecracker's default.
const LIMIT: usize = MAX_BODY_BYTES;

/// `data` if it fits.
pub(crate) fn bounded(data: Value) -> Result<Value, Fault> {
    let bytes = data.to_string().len();
    if bytes > LIMIT {
        return Err(Fault::MmdsTooLarge { bytes, limit: LIMIT });
    }
    Ok(data)
}

/// Changes `target` as RFC 7396 says: objects are merged, null removes, anything else replaces.
pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(&key);
            } else {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_rfc_7396() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut target = target;
            merge(&mut target, patch);
            assert_eq!(target, merged);
        }
    }

    #[test]
    fn data_fits_to_the_byte() {
        assert!(bounded(json!("x".repeat(LIMIT - 2))).is_ok());
        assert!(bounded(json!("x".repeat(LIMIT - 1))).is_err());
    }
}
