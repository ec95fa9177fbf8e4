//! Refusals. Every one is answered with status 400, or 413 for too much metadata, and its text as `fault_message`, like
//! Firecracker's.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such method and path.
    #[error("Invalid request method and/or path: {method} {path}.")]
    UnknownPath {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A body where there must be none.
    #[error("{method} request cannot have a body.")]
    UnexpectedBody {
        /// The method.
        method: String,
    },
    /// No body where there must be one.
    #[error("Empty {method} request.")]
    MissingBody {
        /// The method.
        method: String,
    },
    /// A body that is too long.
    #[error("The request body has more than {limit} bytes.")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A body that broke off.
    #[error("The request body could not be read: {reason}.")]
    BodyUnreadable {
        /// What happened.
        reason: String,
    },
    /// A body that is not what the request takes.
    #[error("An error occurred when deserializing the json body of a request: {reason}.")]
    Json {
        /// serde's words, which name line, column and field.
        reason: String,
    },
    /// An id in the path with other characters.
    #[error("The id {id:?} is not made of letters, digits and underscores.")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// Two ids for one thing.
    #[error("The id {path:?} in the path is not the id {body:?} in the body.")]
    IdMismatch {
        /// The id in the path.
        path: String,
        /// The id in the body.
        body: String,
    },
    /// Configuration of a machine that runs.
    #[error("The requested operation is not supported after starting the microVM.")]
    AfterStart,
    /// Something only a running machine can do.
    #[error("The requested operation is not supported before starting the microVM.")]
    BeforeStart,
    /// A field Firecracker has and this engine has not.
    #[error("{field} is not supported by roost-qemu; leave it out.")]
    Unsupported {
        /// The field.
        field: &'static str,
    },
    /// A vCPU count that cannot be.
    #[error("vcpu_count {found} is not between 1 and {max}, or is odd and above 1 while smt is set.")]
    VcpuCount {
        /// The count.
        found: u8,
        /// The most there can be.
        max: u8,
    },
    /// A memory size that cannot be.
    #[error("mem_size_mib is 0; give the machine at least 1 MiB.")]
    NoMemory,
    /// More memory than there is.
    #[error("mem_size_mib {asked} is more than the {available} MiB that {} can hold; ask for less or enlarge it.", .dir.display())]
    TooMuchMemory {
        /// MiB asked for.
        asked: u64,
        /// MiB there are.
        available: u64,
        /// Where guest memory lives.
        dir: PathBuf,
    },
    /// Nothing to boot.
    #[error("Cannot start the microVM without a kernel; PUT /boot-source first.")]
    NoBootSource,
    /// Two roots.
    #[error("Drive {found:?} is already the root device; {refused:?} cannot be another.")]
    SecondRootDrive {
        /// The root drive there is.
        found: String,
        /// The root drive there shall be.
        refused: String,
    },
    /// A drive without an image.
    #[error("Drive {drive_id:?} has no path_on_host.")]
    DriveWithoutPath {
        /// The drive.
        drive_id: String,
    },
    /// A MAC address that is none.
    #[error("guest_mac {found:?} is not six pairs of hexadecimal digits separated by colons.")]
    Mac {
        /// The text.
        found: String,
    },
    /// A MAC address used twice.
    #[error("guest_mac {mac} is already in use by interface {iface_id:?}.")]
    MacInUse {
        /// The address.
        mac: String,
        /// Who has it.
        iface_id: String,
    },
    /// A file that is missing or not what it should be.
    #[error("{what} {}: {reason}", .path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No such network device.
    #[error("There is no network device {name:?} in the engine's network namespace; make the TAP first.")]
    NoTap {
        /// Its name.
        name: String,
    },
    /// Nothing was put that the metadata service could tell, or no service was configured before the start.
    #[error("MMDS error: The MMDS data store is not initialized.")]
    MmdsNotInitialized,
    /// More metadata than fits.
    #[error("The MMDS data would have {bytes} bytes; at most {limit} fit.")]
    MmdsTooLarge {
        /// Bytes there would be.
        bytes: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// A metadata service that nothing leads to.
    #[error("The list of network interfaces that lead to MMDS is empty.")]
    MmdsWithoutInterface,
    /// A metadata service on an interface that is not there.
    #[error("There is no network interface {id:?} to lead to MMDS; PUT it first.")]
    MmdsUnknownInterface {
        /// The interface.
        id: String,
    },
    /// A metadata service where none may be.
    #[error("The MMDS address {address} is not between 169.254.1.0 and 169.254.254.255.")]
    MmdsAddress {
        /// The address.
        address: Ipv4Addr,
    },
    /// The metadata service could not be started.
    #[error(
        "Cannot serve MMDS at {address}: {reason}; the engine's network namespace must have this address."
    )]
    MmdsNotServed {
        /// Where it was to be.
        address: SocketAddrV4,
        /// What happened.
        reason: String,
    },
    /// A snapshot of a machine that runs.
    #[error("A snapshot can only be created while the microVM is paused; PATCH /vm first.")]
    NotPaused,
    /// State and memory in one file.
    #[error("snapshot_path and mem_file_path are the same file.")]
    OneFileForBoth,
    /// No memory, or two of them.
    #[error("Either mem_backend or mem_file_path is required, and only one of them.")]
    OneMemoryBackend,
    /// A load into a machine that is being configured for a boot.
    #[error("Loading a microVM snapshot not allowed after configuring boot-specific resources.")]
    LoadAfterConfiguration,
    /// Another TAP for an interface that is not there.
    #[error("network_overrides names the interface {id:?}, which the snapshot does not have.")]
    UnknownOverride {
        /// The interface.
        id: String,
    },
    /// A state file that is damaged, or no state file.
    #[error("The snapshot {} cannot be used: {reason}.", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A snapshot from another engine.
    #[error("The snapshot was written by {found}; this is {here}. Load it with the engine that wrote it.")]
    OtherEngine {
        /// Who wrote it.
        found: String,
        /// Who would load it.
        here: String,
    },
    /// A memory file that belongs to another machine.
    #[error("The memory file {} has {found} bytes; the snapshot's machine has {expected}.", .path.display())]
    MemoryFileSize {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The machine's memory.
        expected: u64,
    },
    /// Nobody serves page faults.
    #[error("Cannot reach the page-fault handler at {}: {reason}.", .path.display())]
    NoPager {
        /// The socket.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// QEMU could not be started.
    #[error("Cannot start the microVM: {reason}")]
    Boot {
        /// What happened, with the end of QEMU's stderr where there is one.
        reason: String,
    },
    /// QEMU did not do what it was told.
    #[error("QEMU refused or did not answer: {reason}")]
    Qmp {
        /// What happened.
        reason: String,
    },
}
