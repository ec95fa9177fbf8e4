//! Types that are written as texts of a form: strings, for a schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::digest::Digest;
use crate::id::{
    CommandId, HostId, KeyId, LifeId, ProcessId, SandboxId, SnapshotId, TemplateName, TenantId, WebhookId,
};
use crate::network::{Cidr, NamePattern, Target};
use crate::tenant::KeyHash;

macro_rules! texts {
    ($($name:ident: $description:literal),* $(,)?) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description })
            }
        })*
    };
}

texts! {
    SandboxId: "1 to 40 characters a-z and 0-9.",
    TenantId: "1 to 40 characters a-z, 0-9, - and _, starting with a letter or digit.",
    HostId: "1 to 40 characters a-z, 0-9, - and _, starting with a letter or digit.",
    TemplateName: "1 to 63 characters a-z, 0-9, - and _, starting with a letter or digit.",
    CommandId: "1 to 128 characters A-Z, a-z, 0-9 and - _ . : @",
    ProcessId: "1 to 40 characters a-z and 0-9.",
    SnapshotId: "1 to 40 characters a-z and 0-9.",
    KeyId: "1 to 40 characters a-z and 0-9.",
    WebhookId: "1 to 40 characters a-z and 0-9.",
    LifeId: "1 to 40 characters a-z and 0-9.",
    Digest: "`blake3:` and 64 hexadecimal digits.",
    KeyHash: "64 hexadecimal digits, of which nothing of the key can be learned.",
    Cidr: "A range of IPv4 addresses, such as 10.0.0.0/8.",
    NamePattern: "A name, or `*.` and a name for all below it.",
    Target: "A range of IPv4 addresses, an address, a name, or `*.` and a name.",
}
