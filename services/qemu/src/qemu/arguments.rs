//! QEMU's command line for a machine.

use super::{Host, cmdline, devices};
use crate::machine::{Config, Fault};
use serde_json::json;
use std::os::fd::RawFd;

/// Descriptors QEMU inherits. None of them has a name in the file system that could be left behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    /// The guest's memory.
    pub(super) ram: RawFd,
    /// The QMP monitor.
    pub(super) monitor: RawFd,
    /// The serial console.
    pub(super) serial: RawFd,
}

/// What the machine begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Its boot source.
    Kernel,
    /// A snapshot, which QEMU is told to wait for. Without a kernel nothing writes to memory before that.
    Snapshot,
}

/// Bytes of guest memory.
pub(super) fn memory_bytes(config: &Config) -> Result<u64, Fault> {
    let asked = config.machine.mem_size_mib;
    asked
        .checked_mul(1 << 20)
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or(Fault::TooMuchMemory {
            asked,
            available: i64::MAX.unsigned_abs() >> 20,
            dir: "an address space".into(),
        })
}

/// Everything after the program's name.
pub(super) fn compose(
    config: &Config,
    host: &Host,
    inherited: Inherited,
    beginning: Beginning,
) -> Result<Vec<String>, Fault> {
    let machine = &config.machine;
    let ram = json!({
        "qom-type": "memory-backend-file",
        "id": "ram",
        "size": memory_bytes(config)?,
        "mem-path": format!("/proc/self/fd/{}", inherited.ram),
        "share": true,
    });
    let threads = if machine.smt && machine.vcpu_count > 1 {
        ",threads=2"
    } else {
        ""
    };
    let mut words: Vec<String> = Vec::new();
    let mut add = |group: &[&str]| words.extend(group.iter().map(|word| (*word).to_owned()));
    add(&["-nodefaults", "-no-user-config", "-display", "none"]);
    // A guest that breaks out of QEMU finds no way to start programs or change users.
    add(&[
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    ]);
    add(&[
        "-M",
        "microvm,x-option-roms=off,isa-serial=off,memory-backend=ram,mem-merge=off,dump-guest-core=off",
    ]);
    add(&host.accelerator.arguments());
    add(&[
        "-m",
        &machine.mem_size_mib.to_string(),
        "-smp",
        &format!("{}{threads}", machine.vcpu_count),
    ]);
    add(&["-object", &ram.to_string()]);
    // A reboot ends the process, as it ends Firecracker; the i8042 is there for `reboot=k` and Ctrl+Alt+Del.
    add(&["-no-reboot", "-device", "i8042"]);
    // Stopped until told: a guest that ends at once must not end before its start has been answered.
    add(&["-S"]);
    add(&[
        "-chardev",
        &format!("socket,id=monitor,fd={}", inherited.monitor),
        "-mon",
        "chardev=monitor,mode=control",
    ]);
    add(&[
        "-chardev",
        &format!("socket,id=serial,fd={}", inherited.serial),
        "-device",
        "isa-serial,chardev=serial",
    ]);
    match beginning {
        Beginning::Kernel => {
            let source = config.boot_source.as_ref().ok_or(Fault::NoBootSource)?;
            add(&["-kernel", &source.kernel_image_path]);
            let line = cmdline::complete(source.boot_args.as_deref(), host.accelerator);
            add(&["-append", &line]);
            if let Some(initrd) = &source.initrd_path {
                add(&["-initrd", initrd]);
            }
        }
        Beginning::Snapshot => add(&["-incoming", "defer"]),
    }
    words.extend(devices::arguments(config));
    Ok(words)
}
