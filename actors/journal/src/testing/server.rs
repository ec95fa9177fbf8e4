//! A nats-server child with our `nats.conf`, on a port of its own choice, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::jetstream::Options;

/// The repository's `nats.conf`.
pub const NATS_CONF: &str = include_str!("../../../../nats.conf");
/// The repository's `authority.conf`, which `nats.conf` includes: everybody may do everything.
pub const AUTHORITY_CONF: &str = include_str!("../../../../authority.conf");

/// The release that `xtask` installs, and the folder it stands in.
const TOOL: &str = "tools/nats-server-2.15.1/nats-server";
/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running nats-server; killed, and its files removed, when dropped.
#[derive(Debug)]
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one with [`NATS_CONF`].
    ///
    /// # Panics
    /// If there is no nats-server, or it does not start; the message says where one was looked for, or what it logged.
    pub fn start() -> Self {
        Self::start_with(NATS_CONF)
    }

    /// Starts one with another configuration; address, port and store come from here.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub fn start_with(conf: &str) -> Self {
        Self::start_governed(conf, AUTHORITY_CONF)
    }

    /// Starts one with another configuration, in which `authority` says who may do what.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub fn start_governed(conf: &str, authority: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("roost-nats-")
            .tempdir()
            .expect("a temporary folder");
        std::fs::write(folder.path().join("nats.conf"), conf).expect("nats.conf is written");
        std::fs::write(folder.path().join("authority.conf"), authority).expect("authority.conf is written");
        // -1: the server chooses a free port and tells it in a file, so that no two tests can meet on one.
        let mut server = Self {
            folder,
            port: 0,
            child: None,
        };
        server.spawn("-1");
        server.port = server.reported_port();
        server.wait_ready();
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port it serves.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Has it read its configuration anew, with another `authority`; its clients stay connected.
    ///
    /// # Panics
    /// If it does not run.
    pub fn reload(&self, authority: &str) {
        std::fs::write(self.folder.path().join("authority.conf"), authority)
            .expect("authority.conf is written");
        let pid = self.child.as_ref().map(Child::id).expect("it runs");
        let sent = Command::new("kill").args(["-HUP", &pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal to {pid}");
    }

    /// How to connect to it, with a test's short patience for answers.
    pub fn options(&self) -> Options {
        Options {
            ack_wait: Duration::from_millis(500),
            ..Options::new(self.url())
        }
    }

    /// Kills it as a crash would (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it is dead already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with its files, on the same port.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub fn restart(&mut self) {
        self.kill();
        self.spawn(&self.port.to_string());
        self.wait_ready();
    }

    /// Starts it again with its files under another configuration.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub fn restart_with(&mut self, conf: &str) {
        self.kill();
        std::fs::write(self.folder.path().join("nats.conf"), conf).expect("nats.conf is written");
        self.restart();
    }

    /// Starts it again on the same port with nothing of what it had stored, as after the loss of its disk.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub fn restart_empty(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("store")).expect("the store is removed");
        self.restart();
    }

    fn spawn(&mut self, port: &str) {
        let binary = binary();
        let at = self.folder.path();
        let child = Command::new(&binary)
            .arg("-c")
            .arg(at.join("nats.conf"))
            .arg("-sd")
            .arg(at.join("store"))
            .args(["-a", "127.0.0.1", "-p", port])
            .arg("--ports_file_dir")
            .arg(at)
            .arg("-l")
            .arg(at.join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("{} does not start: {e}", binary.display())));
    }

    /// The port in `nats-server_<pid>.ports`, which the server writes once it listens.
    fn reported_port(&mut self) -> u16 {
        let pid = self.child.as_ref().map_or(0, Child::id);
        let name = binary()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let file = self.folder.path().join(format!("{name}_{pid}.ports"));
        self.wait(|_| {
            let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
        })
    }

    fn wait_ready(&mut self) {
        self.wait(|server| {
            std::net::TcpStream::connect(("127.0.0.1", server.port))
                .ok()
                .map(drop)
        });
    }

    fn wait<T>(&mut self, probe: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe(self) {
                return found;
            }
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let log = self.log();
                panic!("nats-server is not ready (exit: {ended:?}); its log:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The nats-server to run: `ROOST_NATS_SERVER`, else what `xtask` installed, else the one on the path.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("ROOST_NATS_SERVER") {
        return named.into();
    }
    let from_env = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = from_env("ROOST_CACHE")
        .or_else(|| from_env("XDG_CACHE_HOME").map(|cache| cache.join("roost")))
        .or_else(|| from_env("HOME").map(|home| home.join(".cache/roost")));
    let installed = cache.map(|cache| cache.join(TOOL));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    installed.clone().into_iter().chain(on_path).find(|file| Path::is_file(file)).unwrap_or_else(|| {
        panic!("no nats-server: set ROOST_NATS_SERVER, put one on the path, or let xtask install {installed:?}")
    })
}
