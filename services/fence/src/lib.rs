//! The fence: a small process per host that outlives its agent, and lets VMs stand still when nobody renews the host's lease.
//!
//! ```text
//!             extend(until), answered when it is done
//!   agent ───────────────────────────────────────────▶ ┌───────┐ ──SIGSTOP──▶ engines, and what they started
//!                                                      │ fence │ ──SIGCONT──▶
//!   <run>/engines/*/engine.json ──────────────────────▶└───────┘
//!
//!   closed ──extended──▶ open ──its time is over──▶ closed: looks for new engines until it is extended
//! ```
//!
//! Time is `CLOCK_BOOTTIME`, which nobody can set and which goes on while the machine sleeps. A VM that stands still has
//! lost nothing: it goes on where it was. Who is told to end (SIGTERM, SIGINT, SIGHUP) closes the fence first; nothing else
//! ends it but SIGKILL, after which the agent starts another.

pub mod cli;
pub mod control;
mod engines;
mod error;
mod guard;
mod tree;
mod wait;

pub use error::Death;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use crate::cli::Cli;
use crate::control::Request;
use crate::guard::Guard;
use crate::wait::{Wait, now};

/// Less than an engine has, so that no fence dies for want of memory while its VMs live.
const OOM_SCORE: &str = "-900";

/// Does all that the command does, and returns when it was told to end or the host's folder is gone.
pub fn run(cli: &Cli) -> Result<(), Death> {
    // Only root may lower it; whoever runs without is no worse off than other programs.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let boot_id = guard::boot_id().map_err(Death::setup("tell which boot this is"))?;
    let mut guard = Guard::new(cli.run.clone(), boot_id, Duration::from_millis(cli.until_ms));
    let wait = Wait::new()?;
    let listener = listen(cli)?;
    // What a fence before this one should have done comes before anybody is told that it is there.
    guard.settle(now());
    say_ready().map_err(Death::setup("say that it is ready"))?;
    while guard.has_a_host() {
        let again = guard.settle(now());
        let what = wait.until(again, &listener)?;
        if what.told_to_end {
            guard.stop();
            break;
        }
        if what.asked
            && let Err(error) = serve(&listener, &mut guard)
        {
            eprintln!("somebody could not be answered: {error}");
        }
    }
    let _ = fs::remove_file(&cli.socket);
    Ok(())
}

fn serve(listener: &UnixListener, guard: &mut Guard) -> io::Result<()> {
    let (mut connection, _) = listener.accept()?;
    connection.set_nonblocking(false)?;
    answer(&mut connection, guard)
}

fn answer(connection: &mut UnixStream, guard: &mut Guard) -> io::Result<()> {
    match control::read(connection)? {
        Some(Request::Extend { until_ms }) => guard.extend(Duration::from_millis(until_ms)),
        Some(Request::Status) => {}
        None => return Ok(()),
    }
    let now = now();
    guard.settle(now);
    control::answer(connection, guard.status(now))
}

/// A listening socket that only its owner may connect to.
fn listen(cli: &Cli) -> Result<UnixListener, Death> {
    let listen = || {
        let listener = UnixListener::bind(&cli.socket)?;
        fs::set_permissions(&cli.socket, fs::Permissions::from_mode(0o600))?;
        // Who connected may be gone again when it is asked for.
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| Death::Socket {
        path: cli.socket.clone(),
        source,
    })
}

fn say_ready() -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(b"ready\n")?;
    stdout.flush()
}
