//! PID 1 on the sandbox's root: prepares the system, keeps the agent running, reaps, and powers off.
//!
//! ```text
//! setup ─▶ supervise ──SIGCHLD──▶ reap; the agent ended ─▶ start it again
//!              │
//!              └──SIGTERM, SIGINT (ctrl-alt-del), SIGUSR1, SIGUSR2, SIGPWR──▶ shutdown ─▶ reset
//! ```
//!
//! The agent is a child and waits for its own children itself; PID 1 only ever sees its own child and orphans.
//! Nothing here panics: a failed step is reported and the next one tried.

pub(crate) mod cmdline;
mod identity;
mod network;
mod shutdown;
mod system;

use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::reboot::set_cad_enabled;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::boot::PROGRAM;
use crate::log::say;

pub(crate) use network::ADDRESS;
pub(crate) use shutdown::power_off;
pub(crate) use system::OPEN_FILES;

/// The signals PID 1 takes as a wish to power off; busybox's `poweroff` sends SIGUSR2, `halt` SIGUSR1.
const POWER_OFF: [Signal; 5] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGPWR,
];

/// An agent that ends sooner than this after its start is started again only after a pause of that length.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// Runs the system until it is told to power off.
pub(crate) fn run() -> ! {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    for signal in POWER_OFF {
        signals.add(signal);
    }
    // Blocked before the first child exists, so that none of its signals can be missed.
    report("block signals", signals.thread_block());
    report("route ctrl-alt-del to init", set_cad_enabled(false));

    system::prepare();
    let mut agent = Agent::start();
    identity::apply(&cmdline::read());
    network::configure();

    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if reap(&mut agent) {
                    agent.restart();
                }
            }
            Ok(_) => shutdown::run(),
            Err(Errno::EINTR) => {}
            Err(error) => {
                say!("cannot wait for signals: {error}; powering off");
                shutdown::run();
            }
        }
    }
}

/// Asks PID 1 to power off: what the `poweroff` command does.
pub(crate) fn request_poweroff() -> ExitCode {
    match kill(Pid::from_raw(1), Signal::SIGTERM) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("cannot signal init: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reports a failed step; the guest is better off with what works than with nothing.
fn report<T, E: std::fmt::Display>(action: &str, result: Result<T, E>) {
    if let Err(error) = result {
        say!("cannot {action}: {error}");
    }
}

/// Collects every ended child; true when the agent was among them.
fn reap(agent: &mut Agent) -> bool {
    let mut ended = false;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            Ok(status) if status.pid().is_some() && status.pid() == agent.pid => {
                say!("the agent ended: {status:?}");
                agent.pid = None;
                ended = true;
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                say!("cannot reap: {error}");
                return ended;
            }
        }
    }
}

struct Agent {
    pid: Option<Pid>,
    started: Instant,
}

impl Agent {
    fn start() -> Self {
        let pid = match Command::new(PROGRAM).arg("agent").spawn() {
            Ok(child) => i32::try_from(child.id()).ok().map(Pid::from_raw),
            Err(error) => {
                say!("cannot start the agent: {error}");
                None
            }
        };
        Self {
            pid,
            started: Instant::now(),
        }
    }

    fn restart(&mut self) {
        if self.started.elapsed() < RESTART_PAUSE {
            sleep(RESTART_PAUSE);
        }
        *self = Self::start();
    }
}
