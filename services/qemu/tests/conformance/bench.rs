//! One engine under test in a directory of its own, cleaned up whatever happens.

use crate::guest::{self, Behaviour};
use anyhow::{Context, Result, ensure};
use roost_engine::{
    Client, EngineKind, EngineProcess, Launch,
    api::{BootSource, Serial},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// How long anything may take that an engine does in milliseconds: only a hang comes near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Console budget of ordinary cases, in bytes.
const CONSOLE_BYTES: u64 = 1 << 20;

/// An engine to be tested.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) kind: EngineKind,
    pub(crate) binary: PathBuf,
    pub(crate) jailer: Option<PathBuf>,
}

/// An engine that serves, with nothing configured. Dropping it kills it.
pub(crate) struct Bench {
    pub(crate) process: EngineProcess,
    pub(crate) client: Client,
    pub(crate) dir: TempDir,
}

impl Engine {
    /// How to launch this engine in `dir`.
    pub(crate) fn launch(&self, dir: &Path) -> Launch {
        // The directory's name is nobody else's, and an id as engines like it.
        let id = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Launch::new(self.kind, &self.binary, id, dir.join("engine"))
    }

    /// Launches it and waits until it serves.
    pub(crate) async fn serve(&self) -> Result<Bench> {
        self.serve_with(|_| {}).await
    }

    /// The same with a change to how it is launched.
    pub(crate) async fn serve_with(&self, change: impl FnOnce(&mut Launch)) -> Result<Bench> {
        let dir = tempfile::Builder::new().prefix("roost-conformance-").tempdir()?;
        let mut launch = self.launch(dir.path());
        change(&mut launch);
        let process = launch.spawn().await?;
        let client = Client::of(&process);
        let bench = Bench { process, client, dir };
        bench.client.wait_ready(&bench.process, PATIENCE).await?;
        Ok(bench)
    }

    /// Launches it and boots a guest that has said its banner.
    pub(crate) async fn boot(&self, behaviour: Behaviour) -> Result<Bench> {
        let bench = self.serve().await?;
        bench.configure(behaviour, CONSOLE_BYTES).await?;
        bench.client.start().await?;
        Ok(bench)
    }
}

impl Bench {
    /// Says what to boot and where the console goes.
    pub(crate) async fn configure(&self, behaviour: Behaviour, console_bytes: u64) -> Result<()> {
        let kernel_image_path = guest::write(self.dir.path(), behaviour);
        self.client
            .put_boot_source(&BootSource {
                kernel_image_path,
                ..BootSource::default()
            })
            .await?;
        self.client
            .put_serial(&Serial::bounded(self.console_path(), console_bytes))
            .await?;
        Ok(())
    }

    pub(crate) fn console_path(&self) -> String {
        self.dir.path().join("console.log").display().to_string()
    }

    /// Everything the guest has said.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.console_path()).unwrap_or_default()).into_owned()
    }

    /// Waits until the guest has said something that satisfies `enough`.
    pub(crate) async fn console_until(&self, enough: impl Fn(&str) -> bool) -> Result<String> {
        eventually(|| Some(self.console()).filter(|said| enough(said)))
            .await
            .with_context(|| {
                format!(
                    "the guest said {:?}; the engine: {}",
                    self.console(),
                    self.process.log_tail()
                )
            })
    }

    /// Processes the engine has started, QEMU for one.
    pub(crate) fn children(&self) -> Vec<u32> {
        let list = format!("/proc/{0}/task/{0}/children", self.process.pid());
        fs::read_to_string(list)
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Its children die with it.
        let _ = self.process.kill();
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(ask: impl Fn() -> Option<T>) -> Result<T> {
    let asked = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    asked
        .await
        .with_context(|| format!("waited in vain for {PATIENCE:?}"))
}

/// Whether a process is gone, or dead and only waiting to be reaped by whoever inherited it.
pub(crate) fn is_dead(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

/// Waits until a process is dead.
pub(crate) async fn dead(pid: u32) -> Result<()> {
    eventually(|| is_dead(pid).then_some(()))
        .await
        .with_context(|| format!("process {pid} lives on"))
}

/// An ending that leaves no socket and no record.
pub(crate) fn nothing_left(bench: &Bench) -> Result<()> {
    let left: Vec<String> = fs::read_dir(bench.dir.path().join("engine"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "engine.log")
        .collect();
    ensure!(left.is_empty(), "the engine left {left:?}");
    Ok(())
}
