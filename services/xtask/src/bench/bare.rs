//! The engine without anything of Roost around it: launched by hand in a prepared slot, and told to boot or to restore.

mod boot;
mod restore;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use connectrpc::client::{ClientConfig, HttpClient};
use hyper::{Method, StatusCode};
use roost_engine::api::MachineConfig;
use roost_engine::{Client, EngineKind, EngineProcess, Firecracker, Jail, Launch};
use roost_images::{Image, Manifest};
use roost_net::{Config, Slot, SlotPool, resolver};
use roost_schemas::envd::PORT;
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::{ProcessClient, ProcessConfig, StartRequest, StartResponse};
use roost_schemas::{Generation, Owner, SandboxId};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::client::Api;
use crate::stack::Binaries;

/// The user of an engine in a jail: one that nobody else is.
const USER: u32 = 499_999;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An engine, the files it boots, and a slot.
pub(super) struct Bare {
    kind: EngineKind,
    program: PathBuf,
    /// Where it restores: a snapshot of the host's names the drives by their places in a jail.
    jail: Jail,
    kernel: PathBuf,
    initramfs: PathBuf,
    blank: PathBuf,
    base: PathBuf,
    machine: MachineConfig,
    folder: TempDir,
    pool: SlotPool,
    owner: Owner,
    slot: Slot,
    /// The engine of this moment: it would outlive this program if nobody stopped it.
    running: Mutex<Option<EngineProcess>>,
}

impl Bare {
    /// Prepares to start `template` in a slot made now, with the engine that the host uses; with `memory_mib` if it is not
    /// to be the template's.
    pub(super) async fn open(
        images: &Path,
        template: &str,
        binaries: &Binaries,
        memory_mib: Option<u64>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("roost-bench-").tempdir()?;
        let manifest = fs::read(images.join("manifest.json")).context("cannot read the images' manifest")?;
        let manifest: Manifest =
            serde_json::from_slice(&manifest).context("the images' manifest is not as expected")?;
        let mut templates = manifest.templates.iter();
        let template = templates
            .find(|one| one.name.as_str() == template)
            .context("no such template")?;
        let (kind, program, jailer, shown) = if let Ok(found) = Firecracker::find().await {
            let jailer = found.jailer.context("Firecracker has no jailer beside it")?;
            (EngineKind::Firecracker, found.binary, jailer, Vec::new())
        } else {
            let Binaries { qemu, jailer, .. } = binaries;
            let shown = shown(qemu, images).await?;
            (EngineKind::Qemu, qemu.clone(), jailer.clone(), shown)
        };
        let mut jail = Jail::new(jailer, USER, USER, folder.path().join("jails"));
        jail.shown = shown;
        let file = |image: &Image| images.join(&image.file);
        let mut config = Config::new("bench-bare".parse()?, resolver::of_this_machine()?);
        config.warm = 0;
        let pool = SlotPool::open(config).await?;
        let owner = Owner {
            sandbox: SandboxId::new("bare")?,
            generation: Generation(1),
        };
        let slot = pool.claim(owner.clone()).await?;
        Ok(Self {
            kind,
            program,
            jail,
            kernel: file(&manifest.vmlinux.image),
            initramfs: file(&manifest.initramfs),
            blank: file(&manifest.blank_drive),
            base: file(&template.image),
            machine: MachineConfig {
                vcpu_count: u8::try_from(template.vcpus)?,
                mem_size_mib: memory_mib.unwrap_or(template.memory_mb.into()),
                ..MachineConfig::default()
            },
            folder,
            pool,
            owner,
            slot,
            running: Mutex::default(),
        })
    }

    /// A folder of its own for `round`.
    fn round(&self, round: u32) -> Result<PathBuf> {
        let folder = self.folder.path().join(round.to_string());
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Starts an engine in the slot, and in `jail` if there is one.
    async fn launch(&self, id: &str, folder: &Path, jail: Option<Jail>) -> Result<(EngineProcess, Client)> {
        let mut launch = Launch::new(self.kind, &self.program, id, folder);
        launch.netns = Some(self.slot.netns.clone());
        launch.jail = jail;
        let process = launch.spawn().await?;
        *self.running() = Some(process.clone());
        let client = Client::of(&process);
        client.wait_ready(&process, PATIENCE).await?;
        Ok((process, client))
    }

    /// Waits until the guest answers, and for the output of `command` with its one argument, which is the same.
    async fn output(&self, command: (&str, &str)) -> Result<()> {
        let output = tokio::time::timeout(PATIENCE, self.first_output(command)).await;
        let output = output.context("no output in time")??;
        ensure!(output.trim() == command.1, "unexpected output {output:?}");
        Ok(())
    }

    /// Ends the engine of a round.
    async fn end(&self, process: EngineProcess, folder: &Path) -> Result<()> {
        process.stop().await?;
        *self.running() = None;
        fs::remove_dir_all(folder)?;
        Ok(())
    }

    /// Tries to connect to the agent until it accepts, as often as the host does.
    async fn until_answering(&self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let attempt = TcpStream::connect((self.slot.host_address, PORT));
            if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(200), attempt).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the bare guest did not answer within {PATIENCE:?}")
    }

    /// Lets the programs of a guest run on that was put to rest for its snapshot.
    async fn wake(&self) -> Result<()> {
        let agent = Api::new(SocketAddr::from((self.slot.host_address, PORT)), "").anonymous();
        let answer = agent.send(Method::POST, "/wake", &Value::Null).await?;
        answer.expect(StatusCode::NO_CONTENT).map(drop)
    }

    async fn first_output(&self, command: (&str, &str)) -> Result<String> {
        let base = format!("http://{}:{PORT}", self.slot.host_address).parse()?;
        let client = ProcessClient::new(HttpClient::plaintext(), ClientConfig::new(base).proto());
        let process = ProcessConfig {
            cmd: command.0.to_owned(),
            args: vec![command.1.to_owned()],
            ..ProcessConfig::default()
        };
        let request = StartRequest {
            process: process.into(),
            stdin: Some(false),
            ..StartRequest::default()
        };
        let mut stream = client
            .start(request)
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut output = Vec::new();
        while let Some(message) = stream
            .message::<StartResponse>()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?
        {
            match message
                .to_owned_message()
                .event
                .into_option()
                .and_then(|event| event.event)
            {
                Some(Event::Data(data)) => {
                    if let Some(data_event::Output::Stdout(bytes)) = data.output {
                        output.extend_from_slice(&bytes);
                    }
                }
                Some(Event::End(_)) => break,
                _ => {}
            }
        }
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    fn running(&self) -> MutexGuard<'_, Option<EngineProcess>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops what runs and destroys the slot; to be called however the measuring ended.
    pub(super) async fn close(self) -> Result<()> {
        let running = self.running().take();
        if let Some(process) = running {
            process.stop().await?;
        }
        self.pool.release(self.owner).await?;
        self.pool.purge().await?;
        Ok(())
    }
}

/// What QEMU is shown in a jail.
async fn shown(qemu: &Path, images: &Path) -> Result<Vec<PathBuf>> {
    let files = crate::process::run(tokio::process::Command::new(qemu).arg("--files")).await?;
    Ok(files
        .lines()
        .map(PathBuf::from)
        .chain([images.canonicalize()?])
        .collect())
}

/// The id of the engine of a round.
fn id(round: u32) -> String {
    format!("bare-{round}")
}

/// A path as an engine is told it.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
