//! The pager that Roost's hosts start, as a process: this program again, told by its first argument.

use crate::{
    bench::{PATIENCE, dead},
    frozen::Frozen,
};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use roost_engine::api::{MemBackendType, SnapshotLoad};
use roost_pager::{
    cli::Cli,
    control::{Request, Status},
};
use roost_schemas::{
    digest::Digest,
    id::SnapshotId,
    snapshot::{
        Kind, Manifest, PAGE, file,
        manifest::{Change, Source},
    },
};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
};

/// The first argument of a pager.
const WORD: &str = "pager";

/// Is a pager, if it was started as one.
pub(crate) fn instead() -> Option<ExitCode> {
    let mut args = std::env::args();
    (args.nth(1)? == WORD).then(
        || match roost_pager::run(&Cli::parse_from(std::env::args().skip(1))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(death) => {
                eprintln!("{death}");
                ExitCode::FAILURE
            }
        },
    )
}

/// Snapshots of one memory in the form in which a pager reads them.
pub(crate) struct Store {
    folder: PathBuf,
    manifest: Manifest,
}

impl Store {
    /// An empty one in `dir`, for a memory of `bytes`.
    pub(crate) fn new(dir: &Path, bytes: u64) -> Self {
        Self {
            folder: dir.join("store"),
            manifest: Manifest::zeros(Kind::Memory, bytes / PAGE),
        }
    }

    /// Lays what is data in the memory file of `frozen` over what there is, and returns the new manifest's path.
    pub(crate) fn add(&mut self, name: &str, frozen: &Frozen) -> Result<PathBuf> {
        let snapshot: SnapshotId = name.parse()?;
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        let pages = folder.join(file::MEMORY_PAGES);
        fs::copy(&frozen.memory, &pages)?;
        let source = Source {
            snapshot,
            digest: Digest::of(&fs::read(&pages)?),
            pages: self.manifest.pages(),
        };
        self.manifest = self.manifest.overlaid(source, data(&frozen.memory)?)?;
        let path = folder.join(file::MEMORY_MANIFEST);
        fs::write(&path, self.manifest.encode())?;
        Ok(path)
    }
}

/// The pages of a memory file that are data; they stand at the same place in its copy.
fn data(path: &Path) -> Result<Vec<Change>> {
    let memory = File::open(path)?;
    let mut changes = Vec::new();
    let mut at = 0;
    loop {
        let start = match seek(&memory, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(changes),
            Err(error) => return Err(error.into()),
        };
        at = seek(&memory, SeekFrom::Hole(start))?;
        changes.push(Change {
            first: start / PAGE,
            count: at.div_ceil(PAGE) - start / PAGE,
            stored_at: Some(start / PAGE),
        });
    }
}

/// A pager. Dropping it kills it.
pub(crate) struct Pager {
    child: Child,
    dir: PathBuf,
}

impl Pager {
    /// Starts one that serves `manifest` from `store`, with its sockets in the new folder `dir`.
    pub(crate) fn start(store: &Store, manifest: &Path, dir: PathBuf) -> Result<Self> {
        fs::create_dir(&dir)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(WORD)
            .args(["--block-pages", "1"])
            .arg("--manifest")
            .arg(manifest)
            .arg("--store")
            .arg(&store.folder)
            .arg("--socket")
            .arg(dir.join("uffd.sock"))
            .arg("--control")
            .arg(dir.join("pager.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it is piped")?;
        let pager = Self { child, dir };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line == "ready\n", "the pager said {line:?}");
        Ok(pager)
    }

    /// The request that loads the state of `frozen` with the memory of this pager.
    pub(crate) fn load(&self, frozen: &Frozen) -> SnapshotLoad {
        let socket = self.dir.join("uffd.sock").display().to_string();
        SnapshotLoad::new(frozen.state.display().to_string(), MemBackendType::Uffd, socket)
    }

    /// How it stands.
    pub(crate) fn status(&self) -> Result<Status> {
        let mut control = UnixStream::connect(self.dir.join("pager.sock"))?;
        control.set_read_timeout(Some(PATIENCE))?;
        serde_json::to_writer(&control, &Request::Status)?;
        control.write_all(b"\n")?;
        let mut line = String::new();
        BufReader::new(control).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&self) -> Result<()> {
        dead(self.child.id()).await
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
