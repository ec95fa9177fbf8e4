//! VMM escape: who breaks out of a VM into its engine is nobody, sees next to nothing, and reaches no other engine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;
use xtask::stack::Stack;

use crate::harness::with_stack;
use crate::seen::{Process, Vm};

/// The namespaces that an engine shares with nobody.
const NAMESPACES: [&str; 5] = ["ipc", "mnt", "net", "pid", "uts"];
/// What an engine may see at the root of its files.
const SEEN: [&str; 18] = [
    "api.sock",
    "base",
    "console.log",
    "data",
    "dev",
    "etc",
    "initramfs",
    "lib",
    "lib64",
    "proc",
    "roost-qemu",
    "root",
    "home",
    "var",
    "state",
    "uffd.sock",
    "usr",
    "vmlinux",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_and_its_pager_are_nobody_and_see_nothing() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let first = woken(&api).await?;
        let second = api.create(&json!({"template": "minimal"})).await?.id;
        let (one, other) = (Vm::of(stack, &first)?, Vm::of(stack, &second)?);
        for process in [
            one.engine()?,
            one.qemu()?,
            one.pager()?,
            other.engine()?,
            other.qemu()?,
        ] {
            is_powerless(process)?;
        }
        are_strangers(&one, &other)?;
        for vm in [&one, &other] {
            for process in [vm.engine()?, vm.qemu()?] {
                sees_only_its_jail(process)?;
            }
        }
        pager_is_its_own(&one)?;
        sockets_are_private(&one)?;
        is_hidden(stack, &one)?;
        for sandbox in [first, second] {
            api.kill(&sandbox).await?;
        }
        Ok(())
    })
    .await
}

/// A sandbox that was paused and resumed, so that a pager serves its memory.
async fn woken(api: &Api) -> Result<String> {
    let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
    for what in ["pause", "resume"] {
        let path = format!("/v1/sandboxes/{sandbox}/{what}");
        let answer = api.send(Method::POST, &path, &Value::Null).await?;
        answer.expect(StatusCode::OK)?;
    }
    Ok(sandbox)
}

fn is_powerless(process: Process) -> Result<()> {
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let held = process.status(set)?;
        ensure!(held == "0000000000000000", "{process:?} has {set} {held}");
    }
    ensure!(
        process.number("NoNewPrivs")? == 1,
        "{process:?} may get privileges"
    );
    ensure!(process.status("Groups")?.is_empty(), "{process:?} is in groups");
    for id in ["Uid", "Gid"] {
        let ids = process.status(id)?;
        ensure!(!ids.split(' ').any(|id| id == "0"), "{process:?} is root: {ids}");
    }
    Ok(())
}

/// No two VMs have a user, a group or a namespace in common, and none has one of the host's.
fn are_strangers(one: &Vm, other: &Vm) -> Result<()> {
    let host = Process(std::process::id().into());
    let (one, other) = (one.engine()?, other.engine()?);
    for id in ["Uid", "Gid"] {
        let (one, other) = (one.status(id)?, other.status(id)?);
        let words: BTreeSet<&str> = one.split(' ').collect();
        ensure!(words.len() == 1, "an engine is more than one: {one}");
        ensure!(one != other, "two engines are both {one}");
    }
    for kind in NAMESPACES {
        let places = [host, one, other].map(|process| process.namespace(kind));
        let places = places.into_iter().collect::<Result<BTreeSet<_>>>()?;
        ensure!(places.len() == 3, "a {kind} namespace is shared");
    }
    // The first of its namespace: with it ends all that it has started.
    ensure!(one.status("NSpid")?.ends_with(" 1"));
    Ok(())
}

fn sees_only_its_jail(process: Process) -> Result<()> {
    for entry in fs::read_dir(process.sees("/"))? {
        let name = entry?.file_name();
        let known = name.to_str().is_some_and(|name| SEEN.contains(&name));
        ensure!(known, "{process:?} sees {}", name.display());
    }
    for path in [
        "/bin/sh",
        "/usr/bin/env",
        "/etc/passwd",
        "/run",
        "/sys",
        "/dev/vda",
        "/dev/mem",
    ] {
        ensure!(!process.sees(path).exists(), "{process:?} sees {path}");
    }
    let names = fs::read_dir(process.sees("/proc"))?.map(|entry| Ok(entry?.file_name()));
    let names: Vec<_> = names.collect::<std::io::Result<_>>()?;
    let pids = names.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    // Itself and QEMU.
    ensure!(pids.count() == 2, "{process:?} sees other processes: {names:?}");
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", process.0))?;
    for mount in mounts.lines() {
        let fields: Vec<&str> = mount.split(' ').collect();
        let (point, options) = (fields[4], fields[5]);
        let has = |option| options.split(',').any(|one| one == option);
        ensure!(has("nosuid"), "{mount}");
        // What it may write it may not run, but for its devices, which are no programs.
        ensure!(has("ro") || has("noexec"), "{mount}");
        ensure!(has("ro") || ["/", "/dev", "/dev/shm"].contains(&point), "{mount}");
        ensure!(has("nodev") || point == "/dev", "{mount}");
    }
    Ok(())
}

/// A pager has a user that its engine is not, and may do one thing as its engine: kill it.
fn pager_is_its_own(vm: &Vm) -> Result<()> {
    let (engine, pager) = (vm.engine()?.status("Uid")?, vm.pager()?.status("Uid")?);
    let engine = engine.split(' ').next().context("a user")?.to_owned();
    let [real, rest @ ..] = &pager.split(' ').collect::<Vec<_>>()[..] else {
        anyhow::bail!("{pager}")
    };
    ensure!(
        *real == engine,
        "the pager could not kill its engine: {pager}, {engine}"
    );
    ensure!(
        rest.iter().all(|id| *id != engine),
        "the pager acts as its engine: {pager}"
    );
    Ok(())
}

fn sockets_are_private(vm: &Vm) -> Result<()> {
    for name in ["root/api.sock", "root/uffd.sock", "pager/pager.sock"] {
        let socket = fs::metadata(vm.folder.join(name)).with_context(|| name.to_owned())?;
        let mode = socket.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{name} has mode {mode:o}");
    }
    Ok(())
}

/// Nobody but root finds the way to what the host keeps.
fn is_hidden(stack: &Stack, vm: &Vm) -> Result<()> {
    let run = vm.folder.ancestors().nth(2).context("the host's folder")?;
    for folder in [run, stack.state().path()] {
        let found = fs::metadata(folder)?;
        let mode = found.permissions().mode() & 0o777;
        ensure!(
            found.uid() == 0 && mode == 0o700,
            "{} has mode {mode:o}",
            folder.display()
        );
    }
    Ok(())
}
