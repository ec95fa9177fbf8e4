//! The jails of this host's engines: who each engine is, what it sees, and how much of the machine it may use.
//!
//! ```text
//!   <chroots>/<program>/<sandbox>-<generation>/root      user and group: a number per slot
//!   <hierarchy>/roost-<host>/<sandbox>-<generation>      CPU time, memory, processes
//! ```

use std::path::{Path, PathBuf};

use roost_engine::{Cgroups, Jail};
use roost_runtime::port::{Fault, VmSpec};

/// The user id of the engine in slot 0; every slot has one of its own above it.
pub(super) const FIRST_UID: u32 = 300_000;
/// The user id of the pager beside the engine in slot 0, and so on.
const FIRST_PAGER_UID: u32 = 400_000;
/// The highest number of a slot that has user ids.
const LAST_SLOT: u32 = FIRST_PAGER_UID - FIRST_UID - 1;

/// Bytes of memory that an engine may use besides its guest's: translated code, its own, and what it has just written to files.
const OVERHEAD: u64 = 512 << 20;
/// CPUs that an engine may use besides one for each of the guest's: it reads, writes and copies beside them.
const OWN_CPUS: u32 = 1;
/// Descriptors that an engine may have open.
const DESCRIPTORS: u32 = 1024;
/// Bytes that a file of an engine may have besides those of the guest's memory or drive.
const FILE_MARGIN: u64 = 64 << 20;

/// See the module.
#[derive(Debug, Clone)]
pub struct Jails {
    /// Firecracker's jailer or `roost-jailer`.
    pub jailer: PathBuf,
    /// Where the chroots are made: on the file system of the drives and snapshots.
    pub chroots: PathBuf,
    /// What every engine may read where it is.
    pub shown: Vec<PathBuf>,
    /// Where engines are limited; nothing on a machine that cannot.
    pub cgroups: Option<Cgroups>,
}

/// Who runs beside each other for one VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Users {
    pub(super) engine: u32,
    pub(super) pager: u32,
}

impl Users {
    /// Those of the VM in `slot`.
    pub(super) fn of(slot: u32) -> Result<Self, Fault> {
        if slot > LAST_SLOT {
            let why = format!("slot {slot} is above {LAST_SLOT}");
            return Err(Fault::new("choose a user", why));
        }
        Ok(Self {
            engine: FIRST_UID + slot,
            pager: FIRST_PAGER_UID + slot,
        })
    }
}

impl Jails {
    /// Makes the group below which the engines have theirs. What cannot be limited runs without limits, and is told.
    pub fn prepare(&mut self) {
        let Some(cgroups) = &self.cgroups else {
            tracing::warn!("no cgroup controllers; engines have as much of the machine as they can get");
            return;
        };
        if let Err(error) = cgroups.prepare() {
            tracing::warn!(%error, "no cgroups can be made; engines have as much of the machine as they can get");
            self.cgroups = None;
        }
    }

    /// The jail of an engine with this `spec`; of one that is only looked for, who it is and what it may use is of no account.
    pub(super) fn of(&self, spec: Option<&VmSpec>) -> Result<Jail, Fault> {
        let users = Users::of(spec.map_or(0, |spec| spec.slot.number))?;
        let mut jail = Jail::new(&self.jailer, users.engine, users.engine, &self.chroots);
        jail.shown.clone_from(&self.shown);
        if let Some(cgroups) = &self.cgroups {
            jail.cgroup_version = cgroups.version();
            jail.parent_cgroup = Some(cgroups.parent().to_owned());
        }
        if let Some(spec) = spec {
            let memory = u64::from(spec.resources.memory_mb) << 20;
            let cgroups = self.cgroups.iter();
            jail.cgroups = cgroups
                .flat_map(|groups| groups.settings(spec.resources.vcpus + OWN_CPUS, memory + OVERHEAD))
                .collect();
            let drive = std::fs::metadata(&spec.drives.data).map_or(0, |data| data.len());
            jail.limits = vec![
                format!("no-file={DESCRIPTORS}"),
                format!("fsize={}", memory.max(drive) + FILE_MARGIN),
            ];
        }
        Ok(jail)
    }

    /// Removes what is left of the engine `id` of `binary`, which has ended.
    pub(super) fn clean(&self, binary: &Path, id: &str) -> Result<(), Fault> {
        let removed = self.of(None)?.remove(binary, id);
        removed.map_err(|error| Fault::of("remove the jail", &error))?;
        let removed = self.cgroups.as_ref().map_or(Ok(()), |cgroups| cgroups.remove(id));
        removed.map_err(|error| Fault::of("remove the cgroup", &error))
    }
}
