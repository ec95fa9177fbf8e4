//! Snapshots under test: files of one, engines made from one, and the pattern that shows whether memory is exact.

use crate::{
    bench::{Bench, Engine},
    guest::{Behaviour, PAGE, PATTERN, TICK, WRONG},
};
use anyhow::{Context, Result, bail, ensure};
use roost_engine::api::{
    InstanceState, MachineConfig, MemBackendType, Serial, SnapshotCreate, SnapshotLoad, SnapshotType,
};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// What is behind the number in a page of the pattern.
const ZEROS: [u8; PAGE as usize - 4] = [0; PAGE as usize - 4];

/// Memory of a machine with the pattern, in MiB.
pub(crate) const MEMORY_MIB: u64 = 32;

/// The files of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) state: PathBuf,
    pub(crate) memory: PathBuf,
}

impl Frozen {
    /// Files called `name` in `dir`.
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        Self {
            state: dir.join(format!("{name}.state")),
            memory: dir.join(format!("{name}.memory")),
        }
    }

    /// The request that writes them.
    pub(crate) fn create(&self, snapshot_type: SnapshotType) -> SnapshotCreate {
        SnapshotCreate {
            snapshot_type,
            snapshot_path: text(&self.state),
            mem_file_path: text(&self.memory),
        }
    }

    /// The request that loads them.
    pub(crate) fn load(&self) -> SnapshotLoad {
        SnapshotLoad::new(text(&self.state), MemBackendType::File, text(&self.memory))
    }

    /// Checks that the memory is byte for byte that of `other`. The first megabyte is the engine's: Firecracker tells the
    /// guest there, with every load, that it is a new generation (`VMGenID`) and how time went on (`VMClock`).
    pub(crate) fn must_equal(&self, other: &Self) -> Result<()> {
        let (one, two) = (fs::read(&self.memory)?, fs::read(&other.memory)?);
        ensure!(one.len() == two.len(), "memories of different sizes");
        let pages = one.chunks(PAGE as usize).zip(two.chunks(PAGE as usize));
        let differ = pages
            .enumerate()
            .skip((1 << 20) / PAGE as usize)
            .find(|(_, (one, two))| one != two);
        match differ {
            None => Ok(()),
            Some((page, _)) => bail!(
                "page {page:#x} of {} is not that of {}",
                self.memory.display(),
                other.memory.display()
            ),
        }
    }

    /// The same files, copied to `dir`, which lasts longer.
    pub(crate) fn kept_in(&self, dir: &Path) -> Result<Self> {
        let keep = |path: &Path| -> Result<PathBuf> {
            let kept = dir.join(path.file_name().context("a file has a name")?);
            fs::copy(path, &kept)?;
            Ok(kept)
        };
        Ok(Self {
            state: keep(&self.state)?,
            memory: keep(&self.memory)?,
        })
    }

    /// Checks the guest's pattern: every page holds what the guest left there, up to the page where it was stopped.
    /// Returns the rounds it had done.
    pub(crate) fn rounds(&self) -> Result<u32> {
        let memory = File::open(&self.memory)?;
        let size = memory.metadata()?.len();
        ensure!(size == MEMORY_MIB << 20, "the memory file has {size} bytes");
        let mut rounds = Vec::new();
        let mut page = vec![0; PAGE as usize];
        for (n, address) in PATTERN.step_by(PAGE as usize).enumerate() {
            memory.read_exact_at(&mut page, address.into())?;
            let (first, rest) = page.split_first_chunk().context("a page has bytes")?;
            let seen = u32::from_le_bytes(*first).wrapping_sub(address);
            ensure!(rest == ZEROS, "page {address:#x} is torn");
            if n % 2 == 0 {
                rounds.push(seen);
            } else {
                ensure!(
                    seen == 0,
                    "page {address:#x} was never to change, and is {seen} off"
                );
            }
        }
        let (most, least) = (rounds[0], rounds[rounds.len() - 1]);
        ensure!(most - least <= 1, "rounds {least} to {most}");
        ensure!(rounds.is_sorted_by(|one, next| one >= next), "the round has gaps");
        Ok(least)
    }
}

impl Engine {
    /// A guest that has filled its memory with the pattern and done two rounds.
    pub(crate) async fn boot_pattern(&self) -> Result<Bench> {
        let bench = self.serve().await?;
        let config = MachineConfig {
            mem_size_mib: MEMORY_MIB,
            ..MachineConfig::default()
        };
        bench.client.put_machine_config(&config).await?;
        bench.configure(Behaviour::Pattern, 1 << 20).await?;
        bench.client.start().await?;
        bench.goes_on(2).await?;
        Ok(bench)
    }

    /// An engine with a console that has loaded a snapshot.
    pub(crate) async fn load(&self, load: &SnapshotLoad) -> Result<Bench> {
        let bench = self.serve().await?;
        bench.put_console().await?;
        bench
            .client
            .load_snapshot(load, MEMORY_MIB)
            .await
            .with_context(|| bench.process.log_tail())?;
        let state = bench.client.describe().await?.state;
        let expected = if load.resume_vm {
            InstanceState::Running
        } else {
            InstanceState::Paused
        };
        ensure!(state == expected, "{state:?} after the load");
        Ok(bench)
    }
}

impl Bench {
    /// Pauses the guest and writes it to files called `name`.
    pub(crate) async fn freeze(&self, name: &str, kind: SnapshotType) -> Result<Frozen> {
        self.client.pause().await?;
        let frozen = Frozen::new(self.dir.path(), name);
        self.client
            .create_snapshot(&frozen.create(kind), MEMORY_MIB)
            .await?;
        Ok(frozen)
    }

    /// Waits until the guest has said so of `rounds` more rounds and found nothing wrong. The first of these may have
    /// ended before: a guest can be paused when a round is done and not yet said.
    pub(crate) async fn goes_on(&self, rounds: usize) -> Result<()> {
        let count = |said: &str| said.bytes().filter(|byte| *byte == TICK).count();
        let wanted = count(&self.console()) + rounds;
        let is_wrong = |said: &str| said.bytes().any(|byte| byte == WRONG);
        let said = self
            .console_until(|said| count(said) >= wanted || is_wrong(said))
            .await?;
        ensure!(!is_wrong(&said), "the guest found memory wrong: {said:?}");
        Ok(())
    }

    /// Where the console of a loaded machine goes.
    pub(crate) async fn put_console(&self) -> Result<()> {
        let serial = Serial::bounded(self.console_path(), 1 << 20);
        Ok(self.client.put_serial(&serial).await?)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
