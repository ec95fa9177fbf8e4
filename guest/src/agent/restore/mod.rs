//! A guest that wakes from a snapshot becomes the sandbox its host says it is, before its users' programs run on.
//!
//! ```text
//! at rest ─▶ clock ─▶ randomness ─▶ name ─▶ settings, token ─▶ connections, neighbours ─▶ generation ─▶ hooks ─▶ running
//!              └──────────┴───────────┴──────────┴── failed: told to the host, users' programs stay where they are
//! ```
//!
//! Many guests may wake from one snapshot, each with the memory of all others: what must differ is made anew here. What
//! only the sandbox's own programs could know (the state of a generator in user space, a cached token) is theirs to
//! renew: by a hook (see [`hooks`]), or by watching [`generation::FILE`].
//!
//! Everything may be done again: a host that heard no answer asks a second time.

mod connections;
mod entropy;
pub(super) mod generation;
mod hooks;
mod identity;
mod machine_id;
mod neighbours;
mod netlink;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;

use nix::errno::Errno;
use thiserror::Error;

use super::clock::HostTime;
use super::rest::Rest;
use super::settings::{Change, Store};
use crate::cgroups::freezer::FreezerError;
use crate::log::say;
pub(super) use identity::Identity;

/// What was in the way of a new identity, without which users' programs must not run.
#[derive(Debug, Error)]
pub(super) enum RestoreError {
    #[error("cannot set the clock: {0}")]
    Clock(Errno),
    #[error("cannot reseed the kernel's random numbers: {0}")]
    Entropy(Box<dyn Error + Send + Sync>),
    #[error("cannot set the host name: {0}")]
    Name(Errno),
    #[error("cannot keep the settings: {0}")]
    Settings(std::io::Error),
    #[error("cannot let programs run on: {0}")]
    Wake(#[from] FreezerError),
}

/// Makes this guest the one of `identity`, by its host's `time` and with the settings that `change` brings, and lets its
/// users' programs run. Of all connections to the outside only the one to `host` stays.
pub(super) async fn run(
    identity: Identity,
    time: HostTime,
    change: Change,
    host: SocketAddr,
    store: &Store,
    rest: &Rest,
) -> Result<(), RestoreError> {
    let _turn = rest.turn().await;
    // Not on a thread of its own: nobody else has business with the agent yet, and a thread costs a waking guest pages.
    time.step().map_err(RestoreError::Clock)?;
    identity.entropy.reseed().map_err(RestoreError::Entropy)?;
    identity.hostname.set().map_err(RestoreError::Name)?;
    store.renew(change).map_err(RestoreError::Settings)?;
    report("write the host name", identity.hostname.write(Path::new("/etc")));
    report("write the machine id", identity.machine_id.write(Path::new("/")));
    report("close connections", connections::close_all_but(host));
    report("forget neighbours", neighbours::forget());
    report("tell the generation", generation::renew());
    hooks::run(&store.current()).await;
    Ok(rest.thaw()?)
}

fn report<T, E: std::fmt::Display>(action: &str, result: Result<T, E>) {
    if let Err(error) = result {
        say!("agent: restored, but cannot {action}: {error}");
    }
}
