//! The command line.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ipnet::Ipv4Net;
use roost_journal::jetstream::Access;
use roost_schemas::HostId;
use roost_schemas::token::TokenKey;

pub use crate::machine::Wanted;

/// Runs the sandboxes of this machine.
#[derive(Debug, Parser)]
#[command(
    name = "roost-host",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// Something other than running.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: Run,
}

/// Something other than running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Destroys every engine, pager, fence, slot and drive that a host agent with this state folder has made. What it has paused
    /// stays in the folder.
    Purge(Purge),
}

/// How to run.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Where nats-server listens, such as `nats://127.0.0.1:4222`.
    #[arg(long, required = true)]
    pub nats: Option<String>,
    /// As whom.
    #[command(flatten)]
    pub access: Access,
    /// Folder for drives and checkpoints; made if it is not there.
    #[arg(long, required = true)]
    pub state: Option<PathBuf>,
    /// Folder of the images, with their `manifest.json`.
    #[arg(long, required = true)]
    pub images: Option<PathBuf>,
    /// This host's name, unique among the hosts of one log.
    #[arg(long, required = true)]
    pub host_id: Option<HostId>,
    /// Which engine to use.
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    pub engine: Wanted,
    /// The `roost-qemu` program; by default the one beside this program.
    #[arg(long)]
    pub qemu_engine: Option<PathBuf>,
    /// The `roost-jailer` program; by default the one beside this program.
    #[arg(long)]
    pub qemu_jailer: Option<PathBuf>,
    /// The `roost-pager` program; by default the one beside this program.
    #[arg(long)]
    pub pager: Option<PathBuf>,
    /// The `roost-fence` program; by default the one beside this program.
    #[arg(long)]
    pub fence: Option<PathBuf>,
    /// The resolver that is asked for guests, as ADDRESS:PORT; by default this machine's.
    #[arg(long, env = "ROOST_DNS")]
    pub dns: Option<SocketAddrV4>,
    /// The key from which sandboxes' tokens are derived: 64 hex digits, the same for every host and gateway.
    #[arg(long, env = TokenKey::VARIABLE, hide_env_values = true, required = true)]
    pub token_key: Option<TokenKey>,
    /// Where this host's edge listens; gateways must reach it. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub edge: SocketAddr,
    /// Slots kept ready.
    #[arg(long, default_value_t = 4)]
    pub warm_slots: usize,
    /// Where veth pairs get their addresses.
    #[arg(long, default_value = "10.12.0.0/16")]
    pub veth_range: Ipv4Net,
    /// Where the addresses come from under which this host reaches its guests.
    #[arg(long, default_value = "10.11.0.0/16")]
    pub guest_range: Ipv4Net,
    /// vCPUs that sandboxes may use, before overcommit; by default this machine's.
    #[arg(long, env = "ROOST_VCPUS")]
    pub vcpus: Option<u32>,
    /// MiB of memory that sandboxes may use; by default this machine's, less what the system needs.
    #[arg(long)]
    pub memory_mb: Option<u32>,
    /// Sandboxes at a time.
    #[arg(long, default_value_t = 1000)]
    pub max_sandboxes: u32,
    /// Seconds a guest may take to boot.
    #[arg(long, default_value_t = 60)]
    pub boot_timeout_sec: u64,
    /// How it tells of itself.
    #[command(flatten)]
    pub telemetry: roost_telemetry::Options,
}

/// What to purge.
#[derive(Debug, Clone, Args)]
pub struct Purge {
    /// The state folder.
    #[arg(long)]
    pub state: PathBuf,
}
