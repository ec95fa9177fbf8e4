//! `roost up`: the whole of Roost on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use roost_stack::nats_server::{OLDEST, installed, version};
use roost_stack::{Binaries, Parts, Terms, places, require_root, signals, up};
use tokio_util::sync::CancellationToken;

use crate::output::{Output, note};

/// Keeps the whole of Roost running on this machine until Ctrl-C.
///
/// What it has is kept across restarts. The daemons are those beside this program, nats-server the one in PATH or the one that `cargo xtask setup` fetched.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    up: up::Options,
    /// The folder with `manifest.json` and the images it names. Default: where `cargo xtask images` makes them
    #[arg(long, value_name = "DIR", env = "ROOST_IMAGES")]
    images: Option<PathBuf>,
}

impl Up {
    /// Runs until it is interrupted.
    pub(crate) async fn run(self, api_key: Option<String>, output: Output) -> Result<()> {
        require_root()?;
        let upcoming = self.up.check(api_key)?;
        let parts = parts(self.images).await?;
        note("starting");
        let cancelled = CancellationToken::new();
        let tell = |ready: &up::Ready| output.print(ready, |to| writeln!(to, "{ready}"));
        let run = upcoming.run(parts, &cancelled, tell);
        tokio::select! {
            ended = run => ended?,
            () = signals(&cancelled) => bail!("interrupted twice"),
        }
        note("stopped");
        Ok(())
    }
}

/// What the stack is made of, as it is found on this machine.
async fn parts(images: Option<PathBuf>) -> Result<Parts> {
    let tool = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = tool.parent().context("a program lies in a folder")?;
    Ok(Parts {
        binaries: Binaries::in_folder(folder)?,
        nats_server: nats_server().await?,
        images: images_in(images.map_or_else(|| Ok(places::cache()?.join("images")), anyhow::Ok)?)?,
        tool,
        host_env: Vec::new(),
        webhooks: Terms::default(),
    })
}

fn images_in(folder: PathBuf) -> Result<PathBuf> {
    if !folder.join("manifest.json").is_file() {
        bail!(
            "there are no images in {}: make them with `cargo xtask images`, or say with --images where they are",
            folder.display()
        );
    }
    Ok(folder)
}

async fn nats_server() -> Result<PathBuf> {
    if let Some(installed) = installed().await {
        return Ok(installed);
    }
    if let Some(fetched) = fetched(&places::cache()?.join("tools")).await {
        return Ok(fetched);
    }
    let (major, minor) = OLDEST;
    bail!(
        "there is no nats-server {major}.{minor} or newer in PATH: put one there, or run `cargo xtask setup`"
    )
}

/// The newest that is new enough of those that were fetched into `tools`.
async fn fetched(tools: &Path) -> Option<PathBuf> {
    let mut newest = None;
    for entry in std::fs::read_dir(tools).ok()?.flatten() {
        let program = entry.path().join("nats-server");
        if program.is_file()
            && let Ok(version) = version(&program).await
            && version >= OLDEST
        {
            newest = newest.max(Some((version, program)));
        }
    }
    newest.map(|(_, program)| program)
}
