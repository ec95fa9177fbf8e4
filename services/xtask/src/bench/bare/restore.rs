//! A restore with the bare engine: pager, engine in a jail, load, resume, and nothing that Roost adds.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use roost_engine::api::{MemBackendType, SnapshotLoad};
use roost_schemas::snapshot::manifest::Place;
use roost_schemas::snapshot::{Manifest, PAGE, file};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Bare, id};

/// Where the engine finds its pager, in its jail.
const SOCKET: &str = "uffd.sock";

impl Bare {
    /// Restores what is sealed in `snapshot`, runs `command` with its one argument, and tells how long it took until its
    /// output was there.
    pub(in crate::bench) async fn restore_to_output(
        &self,
        round: u32,
        pager: &Path,
        snapshot: &Path,
        command: (&str, &str),
    ) -> Result<Duration> {
        let folder = self.round(round)?;
        // The drives are there before the clock runs: the bar is for the engine alone.
        let (id, jail, program) = (id(round), &self.jail, &self.program);
        jail.open(program, &id, &folder)?;
        jail.share(program, &id, &self.base, "base")?;
        let data = folder.join("data");
        drive(snapshot, &data)?;
        jail.give(program, &id, &data, "data")?;
        let began = Instant::now();
        let socket = jail.root(program, &id).join(SOCKET);
        let _pager = start(pager, snapshot, &socket, &folder.join("pager.sock")).await?;
        jail.give_up(program, &id, SOCKET)?;
        let (process, client) = self.launch(&id, &folder, Some(jail.clone())).await?;
        let state = jail.share(program, &id, &snapshot.join(file::STATE), "state")?;
        let load = SnapshotLoad::new(state, MemBackendType::Uffd, format!("/{SOCKET}"));
        client.load_snapshot(&load, self.machine.mem_size_mib).await?;
        client.resume().await?;
        self.until_answering().await?;
        self.wake().await?;
        self.output(command).await?;
        let took = began.elapsed();
        self.end(process, &folder).await?;
        jail.remove(program, &id)?;
        Ok(took)
    }
}

/// The pager of a snapshot, as the host starts it. It ends with its engine; at the latest with this value.
async fn start(program: &Path, snapshot: &Path, socket: &Path, control: &Path) -> Result<Child> {
    let store = snapshot.parent().context("a snapshot lies in a store")?;
    let mut command = Command::new(program);
    command
        .arg("--manifest")
        .arg(snapshot.join(file::MEMORY_MANIFEST))
        .arg("--store")
        .arg(store)
        .arg("--socket")
        .arg(socket)
        .arg("--control")
        .arg(control);
    let working_set = snapshot.join(file::WORKING_SET);
    if working_set.exists() {
        command.arg("--prefetch").arg(working_set);
    }
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().context("its output is piped")?;
    let line = BufReader::new(output).lines().next_line().await?;
    ensure!(line.as_deref() == Some("ready"), "the pager said {line:?}");
    Ok(child)
}

/// Writes the drive of `snapshot` to `path`.
fn drive(snapshot: &Path, path: &Path) -> Result<()> {
    let manifest = Manifest::decode(&fs::read(snapshot.join(file::DISK_MANIFEST))?)?;
    let store = snapshot.parent().context("a snapshot lies in a store")?;
    let files = manifest
        .sources()
        .iter()
        .map(|source| File::open(store.join(source.snapshot.as_str()).join(file::DISK_PAGES)))
        .collect::<Result<Vec<_>, _>>()?;
    let drive = File::create(path)?;
    drive.set_len(manifest.pages() * PAGE)?;
    for run in manifest.runs() {
        if let Place::Source { source, page } = run.place {
            let mut bytes = vec![0; usize::try_from(u64::from(run.count) * PAGE)?];
            files[source as usize].read_exact_at(&mut bytes, page * PAGE)?;
            drive.write_all_at(&bytes, run.first * PAGE)?;
        }
    }
    Ok(())
}
