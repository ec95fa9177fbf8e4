//! Building our daemons.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use roost_stack::Binaries;

use crate::process::{self, Stream};
use crate::{repository, ui};

/// All packages: what a dependency is built with depends on which of them are built, and so it is built once for everything.
pub const ALL: &str = "--workspace";

/// What a stack is made of; the host starts `roost-qemu` with its `roost-jailer`, `roost-pager` and
/// `roost-fence` itself and finds them beside its own binary. Beside them lies the `roost` command.
const BINARIES: [&str; 9] = [
    "roost-host",
    "roost-reconciler",
    "roost-gateway",
    "roost-webhooks",
    "roost-qemu",
    "roost-jailer",
    "roost-pager",
    "roost-fence",
    "roost",
];

/// How the compiler is to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// Optimised; what figures are taken with.
    Release,
}

impl Profile {
    /// Cargo's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Builds the daemons with a progress bar.
pub async fn daemons(profile: Profile) -> Result<Binaries> {
    ui::step("daemons", async {
        let mut selection = vec![ALL];
        selection.extend(BINARIES.iter().flat_map(|name| ["--bin", name]));
        let mut executables = cargo(profile, &selection).await?;
        let mut take = |name| take(&mut executables, name);
        Ok(Binaries {
            host: take("roost-host")?,
            reconciler: take("roost-reconciler")?,
            gateway: take("roost-gateway")?,
            webhooks: take("roost-webhooks")?,
            qemu: take("roost-qemu")?,
            jailer: take("roost-jailer")?,
            pager: take("roost-pager")?,
            fence: take("roost-fence")?,
        })
    })
    .await
}

/// Builds the simulator with the bugs that it can be given.
pub async fn simulator() -> Result<PathBuf> {
    ui::step("simulator", async {
        let mut selection = vec![ALL, "--bin", "roost-sim"];
        selection.extend(crate::sim::BUGS);
        take(&mut cargo(Profile::Dev, &selection).await?, "roost-sim")
    })
    .await
}

/// Builds an example of one of our packages and returns the program. The package's binaries are built as well, which it
/// may run: they are in the folder above its own.
pub async fn example(package: &str, example: &str) -> Result<PathBuf> {
    let what = format!("{example} (release)");
    ui::step(&what, async {
        let mut executables =
            cargo(Profile::Release, &["-p", package, "--bins", "--example", example]).await?;
        executables
            .remove(example)
            .with_context(|| format!("cargo built no example {example}"))
    })
    .await
}

fn take(executables: &mut BTreeMap<String, PathBuf>, name: &str) -> Result<PathBuf> {
    executables
        .remove(name)
        .with_context(|| format!("cargo built no binary {name}"))
}

/// The part of Cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// `cargo` in this repository.
pub fn command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository::root());
    command
}

async fn cargo(profile: Profile, selection: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let bar = ui::bar("building", locked_packages());
    let mut command = self::command();
    command
        .args([
            "build",
            "--quiet",
            "--locked",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(["--profile", profile.name()])
        .args(selection);
    let (mut built, mut executables) = (BTreeSet::new(), BTreeMap::new());
    let status = process::run_lines(&mut command, Stream::Out, |line| {
        let Ok(message) = serde_json::from_str::<Message>(line) else {
            return;
        };
        let (Some(package), Some(target)) = (message.package_id, message.target) else {
            return;
        };
        if message.reason == "compiler-artifact" {
            bar.set_message(target.name.clone());
            built.insert(package);
            bar.set_position(built.len() as u64);
            executables.extend(message.executable.map(|path| (target.name, path)));
        }
    })
    .await?;
    bar.finish_and_clear();
    if !status.success() {
        bail!(
            "{} failed ({status}); the compiler's messages are above",
            process::describe(&command)
        );
    }
    Ok(executables)
}

/// How many packages the lock file names: about as many as a build goes through.
fn locked_packages() -> u64 {
    let lock = std::fs::read_to_string(repository::root().join("Cargo.lock")).unwrap_or_default();
    lock.matches("[[package]]").count() as u64
}
