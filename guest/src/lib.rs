//! The guest's one program: it boots the VM, is its PID 1, and runs the agent the host talks to.
//!
//! One static binary plays every part, so that a template needs nothing of ours installed:
//!
//! ```text
//! kernel ── /init (initramfs) ──exec──▶ `init` (PID 1) ──spawn──▶ `agent` ──spawn──▶ `exec` ──exec──▶ command
//!           modules, drives,            mounts, network,          HTTP and Connect   session, user,
//!           overlay, switch root        reaping, power-off        on port 49983      directory
//! ```

mod agent;
mod boot;
mod cgroups;
mod exec;
mod init;
mod log;
mod names;
mod users;

pub use agent::Agent;

use std::env;
use std::path::Path;
use std::process::ExitCode;

/// Plays the part that the arguments name.
pub fn run() -> ExitCode {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    if Path::new(&name)
        .file_name()
        .is_some_and(|name| name == "poweroff")
    {
        return init::request_poweroff();
    }
    match args.next().as_ref().and_then(|part| part.to_str()) {
        Some("init") => init::run(),
        Some("agent") => agent::run(),
        Some("exec") => exec::run(args),
        _ if std::process::id() == 1 => boot::run(),
        _ => {
            log::say!("this is a sandbox's init; it runs as PID 1, or as `poweroff`");
            ExitCode::from(2)
        }
    }
}
