//! The gateway that is measured: this program again, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use roost_gateway::auth::ApiKey;
use roost_gateway::{Limits, Ports, front, router, serve as serve_http};
use roost_journal::jetstream::{Options, connect};
use roost_runtime::fleet::FleetHandle;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

/// The argument that makes this program a gateway.
pub(crate) const SERVE: &str = "serve";
/// What its readers send.
pub(crate) const KEY: &str = "events-bench";
/// Ticks in a second of what `/proc` says of CPU time: fixed on Linux.
const TICKS: u64 = 100;

/// Lets this process have as many connections as the kernel allows.
pub(crate) fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).expect("up to the hard limit nobody is refused");
}

/// Serves the log at `url` until it is killed.
pub(crate) async fn serve(url: &str) {
    let connection = connect(Options::new(url)).await.expect("the server is fit");
    let ports = Ports {
        journal: Arc::new(connection.journal()),
        queue: Arc::new(connection.queue()),
        output: Arc::new(connection.output()),
        fleet: FleetHandle::start(Arc::new(connection.journal()), None).await,
    };
    let limits = Limits {
        connections: 16_384,
        ..Limits::default()
    };
    let key = ApiKey::new(KEY).expect("it is fit for a header");
    let tokens = "5a".repeat(32).parse().expect("64 digits");
    let gateway = roost_gateway::Gateway::new(ports, key, tokens, "localhost".to_owned(), limits.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    println!("{}", listener.local_addr().expect("it is bound"));
    let api = router(gateway.clone());
    serve_http(listener, front(gateway, api), std::future::pending(), limits).await;
}

/// The child; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(nats: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args([SERVE, nats])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be run again");
        let stdout = child.stdout.take().expect("it was piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of it that are in memory.
    pub(crate) fn memory(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
        kilobytes.expect("the kernel says VmRSS in kB") * 1024
    }

    /// CPU time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // Behind the program's name, which may have anything in it: fields 14 and 15 of proc(5).
        let fields = stat.rsplit_once(") ").expect("a name in brackets").1;
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("ticks"))
            .sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("it lives")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
