//! A run folder, a fence on it, and engines in it; all of it ends with the test, however that ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use roost_fence::control::{Request, Status};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tempfile::TempDir;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(stage.engines()).unwrap();
        stage
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub(crate) fn engines(&self) -> PathBuf {
        self.run().join("engines")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("fence.sock")
    }

    pub(crate) fn command(&self, until_ms: u64) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost-fence"));
        command.arg("--run").arg(self.run());
        command.arg("--socket").arg(self.socket());
        command.arg("--until-ms").arg(until_ms.to_string());
        command
    }

    /// A fence that is ready.
    pub(crate) fn start(&self, until_ms: u64) -> Fence {
        let mut child = self.command(until_ms).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        let fence = Fence {
            child,
            socket: self.socket(),
        };
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        fence
    }
}

pub(crate) struct Fence {
    child: Child,
    socket: PathBuf,
}

impl Fence {
    /// Extends it to so long from now.
    pub(crate) fn extend(&self, by: Duration) -> Status {
        let now = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap();
        let until_ms = u64::try_from((now + by).as_millis()).unwrap();
        let mut client = UnixStream::connect(&self.socket).unwrap();
        let line = serde_json::to_string(&Request::Extend { until_ms }).unwrap() + "\n";
        client.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(client).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    pub(crate) fn kill(&mut self, signal: Signal) -> ExitStatus {
        tell(&self.child, signal);
        self.ended()
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell with a child, as an engine that is two processes.
pub(crate) struct Engine {
    child: Child,
}

impl Engine {
    pub(crate) fn start(stage: &Stage, owner: &str) -> Self {
        let program = "sleep 1000 & wait";
        let child = Command::new("sh")
            .arg("-c")
            .arg(program)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let engine = Self { child };
        // It is to be found whole.
        eventually("two processes", || engine.processes().len() == 2);
        let (_, time, _) = engine.identity();
        engine.record(stage, owner, time, None);
        engine
    }

    /// Number, start and boot.
    pub(crate) fn identity(&self) -> (u32, u64, String) {
        let pid = self.child.id();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let time = stat(pid)[21].parse().unwrap();
        (pid, time, boot.trim().to_owned())
    }

    pub(crate) fn record(&self, stage: &Stage, owner: &str, start_time: u64, boot: Option<&str>) {
        let (pid, _, this_boot) = self.identity();
        let boot_id = boot.unwrap_or(&this_boot);
        let process = json!({"pid": pid, "start_time": start_time, "boot_id": boot_id});
        let folder = stage.engines().join(owner);
        fs::create_dir_all(&folder).unwrap();
        let record = json!({"kind": "qemu", "id": owner, "process": process}).to_string();
        fs::write(folder.join("partial"), record).unwrap();
        fs::rename(folder.join("partial"), folder.join("engine.json")).unwrap();
    }

    /// Waits until all of it stands still, or all of it does not.
    pub(crate) fn stands(&self, still: bool) {
        let what = if still { "standing still" } else { "running" };
        eventually(what, || {
            let mut all = self.processes().into_iter();
            all.all(|pid| (stat(pid)[2] == "T") == still)
        });
    }

    fn processes(&self) -> Vec<u32> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let children = children.split_ascii_whitespace().map(|pid| pid.parse().unwrap());
        std::iter::once(pid).chain(children).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for pid in self.processes().into_iter().skip(1) {
            let pid = Pid::from_raw(pid.cast_signed()).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fields of `/proc/<pid>/stat`; our programs have no spaces in their names.
fn stat(pid: u32) -> Vec<String> {
    let path = Path::new("/proc").join(pid.to_string()).join("stat");
    let text = fs::read_to_string(path).unwrap_or_default();
    let fields: Vec<String> = text.split(' ').map(ToOwned::to_owned).collect();
    assert!(fields.len() > 21, "{pid} has ended");
    fields
}

fn tell(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
