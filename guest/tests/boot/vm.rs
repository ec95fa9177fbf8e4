//! A VM of a test's own, gone with the test.

mod qmp;
mod snapshot;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use snapshot::Snapshot;

/// How long an emulated guest may take to boot or to power off on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name given to the guest.
pub(crate) const HOSTNAME: &str = "i4testguest";

/// The writable drive's file.
const DRIVE: &str = "data.ext4";

/// A guest under QEMU; killed when dropped.
pub(crate) struct Vm {
    qemu: Child,
    folder: TempDir,
    images: Images,
    template_before: blake3::Hash,
    agent: SocketAddr,
}

impl Vm {
    /// Boots the `minimal` template with the least memory there is, and waits for its agent.
    pub(crate) async fn boot() -> Self {
        Self::boot_with(128).await
    }

    /// The same with so many megabytes.
    pub(crate) async fn boot_with(memory: u32) -> Self {
        let images = Images::find();
        let blank = images.blank_drive.clone();
        let vm = Self::start(images, &blank, memory, &[]);
        vm.answering().await
    }

    /// Starts QEMU with a copy of `drive`.
    fn start(images: Images, drive: &Path, memory: u32, more: &[String]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("roost-guest-test-")
            .tempdir()
            .unwrap();
        let copied = Command::new("cp")
            .arg("--sparse=always")
            .args([drive, &folder.path().join(DRIVE)])
            .status();
        assert!(copied.unwrap().success());
        let agent = free_address();
        let template_before = digest(&images.template);
        let mut qemu = command(&images, folder.path(), agent, memory);
        let started = qemu.args(more).spawn();
        Self {
            qemu: started.expect("qemu-system-x86_64 is needed: apt-get install qemu-system-x86"),
            folder,
            images,
            template_before,
            agent,
        }
    }

    /// The same once its agent answers.
    async fn answering(mut self) -> Self {
        let deadline = Instant::now() + PATIENCE;
        while !crate::agent::is_healthy(self.agent).await {
            let ended = self.qemu.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "no agent ({ended:?}): {}",
                self.console()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self
    }

    /// Where the agent answers.
    pub(crate) fn agent(&self) -> SocketAddr {
        self.agent
    }

    /// What the guest wrote to its console.
    pub(crate) fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The writable drive.
    pub(crate) fn drive(&self) -> PathBuf {
        self.folder.path().join(DRIVE)
    }

    /// Whether this text is on the writable drive.
    pub(crate) fn drive_holds(&self, text: &str) -> bool {
        let found = Command::new("grep")
            .args(["--quiet", "--fixed-strings", "--text", "--"])
            .arg(text)
            .arg(self.drive())
            .status();
        found.unwrap().success()
    }

    /// Whether the template's image is still what it was before the boot.
    pub(crate) fn template_is_untouched(&self) -> bool {
        digest(&self.images.template) == self.template_before
    }

    /// Waits until QEMU ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.qemu.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the guest did not power off: {}",
                self.console()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn command(images: &Images, folder: &Path, agent: SocketAddr, memory: u32) -> Command {
    // The agent's address is the one every guest has; QEMU's own network forwards to it.
    let network = format!(
        "user,id=net,net=169.254.0.0/24,host=169.254.0.22,dns=169.254.0.23,dhcpstart=169.254.0.100,\
         hostfwd=tcp:{agent}-169.254.0.21:49983"
    );
    let khz = tsc_khz();
    // The clock's rate is given, because a guest on a busy machine can fail to measure it and then hangs.
    let append = format!(
        "console=ttyS0 reboot=k panic=1 quiet loglevel=4 lpj=4000000 tsc=reliable tsc_early_khz={khz} \
         roost.hostname={HOSTNAME}"
    );
    let disk = |id: &str, path: &Path, read_only: &str| {
        format!(
            "id={id},file={},format=raw,if=none,readonly={read_only}",
            path.display()
        )
    };
    let (console, monitor) = (folder.join("console"), folder.join(qmp::SOCKET));
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args([
            "-M",
            "microvm,x-option-roms=off,isa-serial=on",
            "-accel",
            "tcg",
            "-cpu",
            "max",
        ])
        .args([
            "-m",
            &memory.to_string(),
            "-smp",
            "1",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ])
        .args([
            "-serial",
            &format!("file:{}", console.display()),
            "-append",
            &append,
        ])
        .arg("-kernel")
        .arg(&images.kernel)
        .arg("-initrd")
        .arg(&images.initramfs)
        .args([
            "-drive",
            &disk("rootfs", &images.template, "on"),
            "-device",
            "virtio-blk-device,drive=rootfs",
        ])
        .args([
            "-drive",
            &disk("data", &folder.join(DRIVE), "off"),
            "-device",
            "virtio-blk-device,drive=data",
        ])
        .args([
            "-netdev",
            &network,
            "-device",
            "virtio-net-device,netdev=net,mac=02:FC:00:00:00:05",
        ])
        .args(["-device", "virtio-rng-device"])
        .args(["-qmp", &format!("unix:{},server=on,wait=off", monitor.display())])
        .stdin(Stdio::null());
    command
}

fn digest(path: &Path) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).unwrap()).unwrap();
    hasher.finalize()
}

fn tsc_khz() -> u64 {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap();
    let mhz = text
        .lines()
        .find_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'));
    let (whole, fraction) = mhz.unwrap().1.trim().split_once('.').unwrap();
    format!("{whole}{fraction:0<3}").parse().unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The files of the manifest that a VM takes.
struct Images {
    kernel: PathBuf,
    initramfs: PathBuf,
    blank_drive: PathBuf,
    template: PathBuf,
}

impl Images {
    fn find() -> Self {
        let folder = images_folder();
        let text = fs::read(folder.join("manifest.json")).unwrap_or_else(|error| {
            panic!(
                "no images in {} ({error}): run `cargo xtask images`",
                folder.display()
            )
        });
        let manifest: Value = serde_json::from_slice(&text).unwrap();
        let file = |entry: &Value| folder.join(entry["file"].as_str().unwrap());
        let templates = manifest["templates"].as_array().unwrap();
        let minimal = templates.iter().find(|entry| entry["name"] == "minimal").unwrap();
        Self {
            kernel: file(&manifest["vmlinux"]),
            initramfs: file(&manifest["initramfs"]),
            blank_drive: file(&manifest["blank_drive"]),
            template: file(minimal),
        }
    }
}

/// Where `cargo xtask images` puts them.
fn images_folder() -> PathBuf {
    let named = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    named("ROOST_CACHE")
        .or_else(|| Some(named("XDG_CACHE_HOME")?.join("roost")))
        .or_else(|| Some(named("HOME")?.join(".cache/roost")))
        .expect("HOME is set")
        .join("images")
}
