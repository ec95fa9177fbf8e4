//! The steps a slot is made in, in order, named so that errors, timings and injected failures can speak of them.

use std::fmt;
use std::io;
use std::sync::Arc;

/// One step of making a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A fresh network namespace, kept alive by its file.
    Namespace,
    /// Kernel settings inside it, before it has any link.
    Settings,
    /// The packet filter inside it, before it can carry a packet.
    Rules,
    /// The veth pair that joins it to the host.
    Veth,
    /// The TAP the engine will open.
    Tap,
    /// Addresses and routes at the namespace's end.
    SlotEnd,
    /// The port its guest asks for names on.
    Names,
    /// Addresses and routes at the host's end.
    HostEnd,
    /// The file that declares the slot whole.
    Record,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Namespace,
        Self::Settings,
        Self::Rules,
        Self::Veth,
        Self::Tap,
        Self::SlotEnd,
        Self::Names,
        Self::HostEnd,
        Self::Record,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "creating its network namespace",
            Self::Settings => "setting kernel parameters in its namespace",
            Self::Rules => "loading its packet filter",
            Self::Veth => "creating its veth pair",
            Self::Tap => "creating its TAP",
            Self::SlotEnd => "addressing its namespace",
            Self::Names => "opening its port for names",
            Self::HostEnd => "addressing the host's end",
            Self::Record => "recording it",
        })
    }
}

/// Called with a slot number and the step about to run; an error makes that step fail.
pub type StepHook = Arc<dyn Fn(u32, Step) -> io::Result<()> + Send + Sync>;
