//! Who the processes of a stack are to nats-server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use roost_authority::{Folder, Member, Role as Part};

use crate::supervise::Role;

/// The configuration that every nats-server of ours has.
const NATS_CONF: &str = include_str!("../../../nats.conf");

/// The tenant that there is without being made.
const FIRST_TENANT: &str = "default";

/// The folder of who may do what on nats-server, with its configuration; `roost nats creds --dir` takes it, too.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) folder: PathBuf,
    /// The configuration of nats-server.
    pub(super) conf: PathBuf,
    /// By which everything may be done.
    pub(super) operator: PathBuf,
    /// What programs of the tenant `default` may do.
    pub(super) tenant: PathBuf,
    processes: BTreeMap<Role, PathBuf>,
}

impl Authority {
    /// Makes what is missing in `folder`: credentials for each process, and for whoever looks after them.
    pub(super) fn open(folder: PathBuf, host_id: &str) -> Result<Self> {
        let members = [
            (Role::Gateway, Member::new(Part::Gateway, None)?),
            (Role::Webhooks, Member::new(Part::Webhooks, None)?),
            (Role::Reconciler, Member::new(Part::Reconciler, None)?),
            (Role::Host, Member::new(Part::Host, Some(host_id))?),
        ];
        let mut kept = Folder::open(&folder)?;
        let mut processes = BTreeMap::new();
        for (role, member) in members {
            processes.insert(role, kept.credentials(&member)?);
        }
        // The tenant that there is without being made has programs of its own as well.
        let first = Member::new(Part::Tenant, Some(FIRST_TENANT))?;
        let tenant = kept.credentials(&first)?;
        let operator = kept.credentials(&Member::new(Part::Operator, None)?)?;
        let conf = folder.join("nats.conf");
        std::fs::write(&conf, NATS_CONF).with_context(|| format!("cannot write {}", conf.display()))?;
        Ok(Self {
            folder,
            conf,
            operator,
            tenant,
            processes,
        })
    }

    /// The credentials of a process; nats-server itself has none.
    pub(super) fn credentials(&self, role: Role) -> Option<&Path> {
        self.processes.get(&role).map(PathBuf::as_path)
    }
}
