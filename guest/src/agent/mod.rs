//! The agent: an HTTP server on port 49983 that speaks E2B's envd protocol.
//!
//! ```text
//! GET  /health                   204
//! POST /init                     settings after boot, and a whole identity after every restore
//! POST /quiesce, /wake           users' programs stand still for a snapshot; they run on
//! GET  /audit                    the host's feed of what clients start
//! POST /process.Process/…        Connect RPC, JSON and binary
//! POST /filesystem.Filesystem/…  the same
//! GET, POST /files               contents of files; POST /files/compose joins some
//! GET  /metrics, /envs           what the sandbox uses; its variables
//! CONNECT 127.0.0.1:<port>       the host's way to a server on the loopback
//! ```

mod actor;
mod audit;
mod auth;
mod bare;
mod blocking;
mod clock;
mod envs;
mod failure;
mod files;
mod filesystem;
mod folders;
mod http;
mod identity;
mod keepalive;
mod metadata;
mod metrics;
mod mmds;
mod process;
mod quiesce;
mod rest;
mod restore;
mod settings;
mod setup;
mod trace;
mod tunnel;
mod wake;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use ::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use roost_schemas::envd;
use rustix::process::setpriority_process;
use tokio::net::{TcpListener, TcpStream};

use crate::cgroups::Group;
use crate::init::{OPEN_FILES, cmdline};
use crate::log::say;
pub use bare::Agent;
use http::Server;
use mmds::Doorkeeper;
use settings::Store;

/// Where settings outlive a restart of the agent: in memory, readable by root alone.
const SETTINGS: &str = "/run/roost/settings.json";

/// A client must send its request's head within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failed accept: it fails for want of descriptors, and trying at once only burns the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The agent's nice value, for kernels that cannot weigh control groups against each other.
const PRIORITY: i32 = -10;

/// Serves until the process is killed.
pub(crate) fn run() -> ExitCode {
    // PID 1's blocked signals are inherited.
    if let Err(error) = SigSet::empty().thread_set_mask() {
        say!("agent: cannot unblock signals: {error}");
    }
    claim_resources();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Err(error) = runtime.and_then(|runtime| runtime.block_on(serve()));
    say!("agent: {error}");
    ExitCode::FAILURE
}

/// Takes what keeps the agent answering whatever users run; commands give it back before they start.
fn claim_resources() {
    let (_, files) = OPEN_FILES;
    for (action, result) in [
        (
            "be spared from the OOM killer",
            fs::write("/proc/self/oom_score_adj", "-1000"),
        ),
        (
            "open more files",
            setrlimit(Resource::RLIMIT_NOFILE, files, files).map_err(Into::into),
        ),
        (
            "raise its priority",
            setpriority_process(None, PRIORITY).map_err(Into::into),
        ),
        ("enter its control group", Group::Agent.enter()),
    ] {
        if let Err(error) = result {
            say!("agent: cannot {action}: {error}");
        }
    }
}

async fn serve() -> io::Result<std::convert::Infallible> {
    if let Err(error) = restore::generation::begin() {
        say!("agent: cannot tell the generation: {error}");
    }
    let store = Arc::new(Store::open(PathBuf::from(SETTINGS)));
    let server = Server::new(store, Doorkeeper::new(cmdline::read().metadata));
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, envd::PORT));
    let listener = TcpListener::bind(address).await?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(connection(stream, peer, server.clone()));
            }
            Err(error) => {
                say!("agent: cannot accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, server: Server) {
    // Small events must not wait for the acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = server.clone().answer(request.map(http::boxed), peer);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    // An error here is the client's disconnect or its broken request; hyper has answered what can be answered.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}
