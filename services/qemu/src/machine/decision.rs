//! What a request comes to.

use super::{Config, Restore};
use roost_engine::api::{
    BootSource, Drive, Entropy, InstanceState, MachineConfig, MmdsConfig, NetworkInterface, Serial,
    SnapshotCreate,
};
use serde_json::Value;
use std::{net::SocketAddrV4, path::PathBuf};

/// The outcome of deciding a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing happens: the document is the answer.
    Answer(Value),
    /// `step` is performed and, if it succeeds, `change` is applied.
    Do {
        /// What the shell does.
        step: Step,
        /// What is true afterwards.
        change: Change,
    },
    /// A snapshot is loaded. What it holds decides what is true afterwards: [`Change::Loaded`].
    Load(Restore),
}

/// Something the shell does outside the state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Looks whether these are there and usable.
    Verify(Vec<Artifact>),
    /// Answers the guest's requests for metadata here from now on.
    ServeMetadata(SocketAddrV4),
    /// Starts QEMU with the configuration there is.
    Boot,
    /// Stops the vCPUs.
    Pause,
    /// Lets the vCPUs run.
    Resume,
    /// Presses Ctrl+Alt+Del.
    PressCtrlAltDel,
    /// Writes the paused machine to files.
    CreateSnapshot(SnapshotCreate),
}

/// Something outside that the machine will use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A kernel: an ELF or a bzImage.
    Kernel(PathBuf),
    /// An initial ramdisk.
    Initrd(PathBuf),
    /// A disk image.
    Disk {
        /// The image.
        path: PathBuf,
        /// Whether it must be writable.
        writable: bool,
    },
    /// A network device in our network namespace.
    Tap(String),
}

/// A fact about the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// All is as it was.
    Nothing,
    /// CPUs and memory are set.
    MachineConfig(MachineConfig),
    /// Kernel, initial ramdisk and command line are set.
    BootSource(BootSource),
    /// A drive is added or replaced.
    Drive(Drive),
    /// An interface is added or replaced.
    NetworkInterface(NetworkInterface),
    /// The random number device is added.
    Entropy(Entropy),
    /// The console's way out is set.
    Serial(Serial),
    /// There is a metadata service.
    MmdsConfig(MmdsConfig),
    /// The metadata service tells this.
    Mmds(Value),
    /// The machine has reached a state.
    State(InstanceState),
    /// The machine is one that was in a snapshot. What metadata were put before are told by it.
    Loaded {
        /// What it is made of.
        config: Box<Config>,
        /// Whether it runs.
        state: InstanceState,
    },
}

impl Change {
    /// Whether a machine of which this is true is to be booted, not loaded: Firecracker's rule.
    pub(super) fn belongs_to_a_boot(&self) -> bool {
        match self {
            Self::MachineConfig(_)
            | Self::BootSource(_)
            | Self::Drive(_)
            | Self::NetworkInterface(_)
            | Self::Entropy(_)
            | Self::MmdsConfig(_) => true,
            Self::Nothing | Self::Serial(_) | Self::Mmds(_) | Self::State(_) | Self::Loaded { .. } => false,
        }
    }
}

impl Decision {
    /// A change of the configuration that needs nothing outside.
    pub(crate) fn change(change: Change) -> Self {
        Self::Do {
            step: Step::Nothing,
            change,
        }
    }

    /// A change of the configuration, provided the artifacts are usable.
    pub(crate) fn provided(artifacts: Vec<Artifact>, change: Change) -> Self {
        Self::Do {
            step: Step::Verify(artifacts),
            change,
        }
    }
}
