//! The vocabulary of Roost: identifiers, subjects, commands, events and the envelopes that carry them.
//!
//! Everything that crosses a process or outlives one is defined here, and nothing else is: no I/O, no clock but
//! [`Timestamp::now`], no async. The bytes of each version are checked in under `golden/`.

pub mod address;
#[cfg(feature = "asyncapi")]
pub mod asyncapi;
pub mod audit;
pub mod codec;
pub mod command;
pub mod commit;
pub mod digest;
pub mod edge;
#[cfg(feature = "envd")]
pub mod envd;
pub mod event;
pub mod id;
pub mod lease;
pub mod metadata;
pub mod network;
pub mod output;
pub mod reply;
pub mod snapshot;
pub mod spec;
pub mod subject;
pub mod telling;
pub mod tenant;
mod time;
pub mod token;
pub mod trace;
pub mod webhook;

pub use digest::Digest;
pub use id::{
    CommandId, Generation, HostId, KeyId, LifeId, Owner, ProcessId, SandboxId, Sequence, SnapshotId,
    TemplateName, TenantId, WebhookId,
};
pub use time::Timestamp;
