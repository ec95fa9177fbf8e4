//! Events: facts that have happened, one type per aggregate.
//!
//! On the wire an event is `{type, data}`. Unknown fields are refused: an event that is only half understood must stop
//! its reader, not mislead it.

mod host;
mod sandbox;
mod template;
mod tenant;
mod webhook;

pub use host::{Down as HostDown, HostEvent, Registered as HostRegistered};
pub use sandbox::{
    ActorCrashed, Cause, Confirmed, EngineKind, ExitStatus, Failed, Lost, NetworkSet, PauseFailed,
    PauseReason, Paused, Pausing, Placed, ProcessExited, ProcessOrigin, ProcessStarted, Requested,
    ResumeFailed, Resuming, Reverted, Running, SandboxEvent, SnapshotAsked, SnapshotCompacted,
    SnapshotFailed, SnapshotTaken, StartFailed, Starting, StopReason, Stopping, TemplateSaved, TimeoutSet,
};
pub use template::{Registered as TemplateRegistered, Saved as TemplateFromSnapshot, TemplateEvent};
pub use tenant::{KeyRevoked, TenantEvent};
pub use webhook::{GivenUp, Redelivered, RedeliveryAsked, WebhookEvent};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The events of one aggregate.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What a decoding error calls a commit of these.
    const WHAT: &'static str;
}

impl Payload for SandboxEvent {
    const WHAT: &'static str = "sandbox commit";
}

impl Payload for TemplateEvent {
    const WHAT: &'static str = "template commit";
}

impl Payload for HostEvent {
    const WHAT: &'static str = "host commit";
}

impl Payload for TenantEvent {
    const WHAT: &'static str = "tenant commit";
}

impl Payload for WebhookEvent {
    const WHAT: &'static str = "webhook commit";
}
