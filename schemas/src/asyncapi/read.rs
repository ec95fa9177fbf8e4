//! What a gateway is asked on `roost.read.<tenant>`, and what it answers (see `docs/events.md`).

use serde_json::{Value, json};

pub(super) fn request() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "after": {
                "description": "Where to begin: after a sequence, or at a time in RFC 3339; by default at the beginning.",
                "anyOf": [ { "type": "integer", "minimum": 0 }, { "type": "string", "format": "date-time" } ],
            },
            "limit": { "type": "integer", "minimum": 1, "description": "Events in a page." },
            "wait_ms": { "type": "integer", "minimum": 0, "description": "How long to wait for an event if there is none." },
            "sandboxes": { "type": "array", "items": { "type": "string" }, "description": "Of these sandboxes only." },
            "types": { "type": "array", "items": { "type": "string" }, "description": "Of these types only, such as `running`." },
            "metadata": { "type": "object", "additionalProperties": { "type": "string" }, "description": "Of sandboxes that were created with these." },
        },
    })
}

pub(super) fn answer() -> Value {
    json!({
        "oneOf": [
            {
                "type": "object",
                "required": ["events", "next_after", "more"],
                "properties": {
                    "events": { "type": "array", "items": event() },
                    "next_after": { "type": "integer", "description": "What to ask after next." },
                    "more": { "type": "boolean", "description": "Whether there are more already." },
                },
            },
            {
                "type": "object",
                "required": ["error"],
                "properties": { "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
                } },
            },
        ],
    })
}

fn event() -> Value {
    json!({
        "type": "object",
        "required": ["sequence", "at", "subject", "type"],
        "properties": {
            "sequence": { "type": "integer" },
            "at": { "type": "string", "format": "date-time" },
            "subject": { "type": "string" },
            "type": { "type": "string" },
            "data": { "description": "As in the commit's event." },
        },
    })
}
