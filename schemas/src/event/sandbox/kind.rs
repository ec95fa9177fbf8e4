//! The words for a sandbox's events, as they are on the wire.

use super::SandboxEvent;

macro_rules! kinds {
    ($($variant:pat => $word:literal,)+) => {
        impl SandboxEvent {
            /// Every word that [`SandboxEvent::kind`] gives.
            pub const KINDS: &[&str] = &[$($word),+];

            /// What it is, in a word: its `type` on the wire.
            pub fn kind(&self) -> &'static str {
                match self {
                    $($variant => $word,)+
                }
            }
        }
    };
}

kinds! {
    Self::Requested(_) => "requested",
    Self::Placed(_) => "placed",
    Self::Starting(_) => "starting",
    Self::StartFailed(_) => "start_failed",
    Self::Running(_) => "running",
    Self::ProcessStarted(_) => "process_started",
    Self::ProcessExited(_) => "process_exited",
    Self::TimeoutSet(_) => "timeout_set",
    Self::NetworkSet(_) => "network_set",
    Self::Pausing(_) => "pausing",
    Self::Paused(_) => "paused",
    Self::PauseFailed(_) => "pause_failed",
    Self::Resuming(_) => "resuming",
    Self::ResumeFailed(_) => "resume_failed",
    Self::SnapshotAsked(_) => "snapshot_asked",
    Self::SnapshotTaken(_) => "snapshot_taken",
    Self::SnapshotFailed(_) => "snapshot_failed",
    Self::TemplateSaved(_) => "template_saved",
    Self::SnapshotCompacted(_) => "snapshot_compacted",
    Self::Reverted(_) => "reverted",
    Self::Stopping(_) => "stopping",
    Self::Stopped => "stopped",
    Self::Lost(_) => "lost",
    Self::Failed(_) => "failed",
    Self::ActorCrashed(_) => "actor_crashed",
    Self::Confirmed(_) => "confirmed",
}
