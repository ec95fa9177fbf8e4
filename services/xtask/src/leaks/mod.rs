//! What Roost leaves on a machine: every process, namespace, link, firewall table, mount, control group, socket and
//! file that carries one of our names.
//!
//! An [`Inventory`] taken before and one taken after tell what a run leaked. Names tell whose a thing is: everything
//! starts with `roost`, is tagged with the host's id, or lies under the state folder.

mod files;
mod network;
mod processes;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Whose things to look for.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Those of every Roost on this machine.
    Machine,
    /// Those of one instance.
    Instance {
        /// Its state folder.
        state: PathBuf,
        /// Its host's id.
        host_id: String,
    },
}

impl Scope {
    /// The instance that keeps its state in `folder`.
    pub fn of(folder: &crate::stack::StateFolder) -> Self {
        Self::Instance {
            state: folder.path().to_owned(),
            host_id: folder.host_id().to_owned(),
        }
    }

    /// Whether a path, command line or other text that names files speaks of this scope.
    fn covers_text(&self, text: &str) -> bool {
        match self {
            Self::Machine => text.contains("/roost"),
            Self::Instance { state, host_id } => {
                text.contains(&*state.to_string_lossy()) || (text.contains("roost") && text.contains(host_id))
            }
        }
    }

    /// Whether a thing of this name, which has no path, belongs to this scope.
    fn covers_name(&self, name: &str) -> bool {
        name.starts_with("roost")
            && match self {
                Self::Machine => true,
                Self::Instance { host_id, .. } => name.contains(host_id),
            }
    }

    fn covers_path(&self, path: &Path) -> bool {
        self.covers_text(&path.to_string_lossy())
    }
}

/// The kinds of things that could be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A process.
    Process,
    /// A network namespace.
    Netns,
    /// A network interface in the machine's own namespace.
    Link,
    /// An nftables table.
    NftTable,
    /// A mount.
    Mount,
    /// A control group.
    Cgroup,
    /// A Unix socket.
    Socket,
    /// A file or folder.
    File,
}

impl Kind {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 8] = [
        Self::Process,
        Self::Netns,
        Self::Link,
        Self::NftTable,
        Self::Mount,
        Self::Cgroup,
        Self::Socket,
        Self::File,
    ];

    /// What a report calls them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Process => "processes",
            Self::Netns => "network namespaces",
            Self::Link => "links",
            Self::NftTable => "nft tables",
            Self::Mount => "mounts",
            Self::Cgroup => "cgroups",
            Self::Socket => "sockets",
            Self::File => "files",
        }
    }
}

/// One thing that carries our name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// What kind of thing.
    pub kind: Kind,
    /// Enough to find it by hand.
    pub name: String,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.plural(), self.name)
    }
}

/// All that carries our name at one moment.
#[derive(Debug, Clone, Default)]
pub struct Inventory(BTreeSet<Trace>);

impl Inventory {
    /// Looks the machine over.
    pub fn take(scope: &Scope) -> Result<Self> {
        let mut found = BTreeSet::new();
        let mut add =
            |kind, names: Vec<String>| found.extend(names.into_iter().map(|name| Trace { kind, name }));
        add(Kind::Process, processes::of(scope)?);
        add(Kind::Netns, network::namespaces(scope));
        add(Kind::Link, network::links(scope));
        add(Kind::NftTable, network::nft_tables(scope)?);
        add(Kind::Mount, files::mounts(scope)?);
        add(Kind::Cgroup, files::cgroups(scope));
        add(Kind::Socket, files::sockets(scope)?);
        add(Kind::File, files::files(scope));
        Ok(Self(found))
    }

    /// What is here now and was not `before`.
    pub fn since(&self, before: &Self) -> Vec<Trace> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// How many things of `kind` there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.0.iter().filter(|trace| trace.kind == kind).count()
    }
}

/// What is left of an instance, waiting a little for what is just going away.
pub async fn left_since(before: &Inventory, scope: &Scope) -> Result<Vec<Trace>> {
    const PATIENCE: u32 = 50;
    let mut left = Vec::new();
    for _ in 0..PATIENCE {
        left = Inventory::take(scope)?.since(before);
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(left)
}
