//! The engine's cgroup: `<hierarchy>/<parent>/<id>`, with its settings, and this process in it.
//!
//! Version 1 has a hierarchy per controller, version 2 one for all, in which every group on the way has to hand the
//! controller down.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::Cli;
use crate::error::Jammed;
use crate::mounts::{self, Mount};

/// Joins the cgroup that the command line describes; without settings, none.
pub(crate) fn join(cli: &Cli) -> Result<(), Jammed> {
    if cli.cgroups.is_empty() {
        return Ok(());
    }
    let table = Path::new("/proc/self/mounts");
    let table = fs::read_to_string(table).map_err(Jammed::at("read", table))?;
    let parent = match &cli.parent_cgroup {
        Some(parent) => parent.clone(),
        None => PathBuf::from(cli.program()?.name),
    };
    let mut joined = BTreeSet::new();
    for setting in &cli.cgroups {
        let controller = setting.name.split('.').next().unwrap_or_default();
        let version = cli.cgroup_version;
        let mount = mounts::parse(&table).find(|mount| has(mount, version, controller));
        let mount = mount.ok_or_else(|| Jammed::NoController {
            controller: controller.to_owned(),
            version,
        })?;
        if version == 2 {
            hand_down(&mount.point, &parent, controller)?;
        }
        let group = mount.point.join(&parent).join(&cli.id);
        fs::create_dir_all(&group).map_err(Jammed::at("make the cgroup", &group))?;
        let file = group.join(&setting.name);
        fs::write(&file, &setting.value).map_err(Jammed::at("write", &file))?;
        joined.insert(group);
    }
    // Version 1 lets a thread move alone, and this process has one. To move a process the kernel stops all of the machine's
    // from starting threads, and waits for a grace period first.
    let members = if cli.cgroup_version == 1 {
        "tasks"
    } else {
        "cgroup.procs"
    };
    // Settings first: nothing of the engine ever ran without them. 0 is whoever writes it.
    joined.iter().try_for_each(|group| {
        let file = group.join(members);
        fs::write(&file, "0").map_err(Jammed::at("write", &file))
    })
}

fn has(mount: &Mount<'_>, version: u8, controller: &str) -> bool {
    match version {
        1 => mount.kind == "cgroup" && mount.has_option(controller),
        _ => mount.kind == "cgroup2" && offers(&mount.point, controller),
    }
}

fn offers(group: &Path, controller: &str) -> bool {
    let offered = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    offered.split_whitespace().any(|one| one == controller)
}

/// Has every group from `root` to `parent` hand `controller` down, and makes those that are not there.
fn hand_down(root: &Path, parent: &Path, controller: &str) -> Result<(), Jammed> {
    let mut group = root.to_owned();
    let mut steps = parent.components();
    loop {
        fs::create_dir_all(&group).map_err(Jammed::at("make the cgroup", &group))?;
        let file = group.join("cgroup.subtree_control");
        let handed = fs::read_to_string(&file).unwrap_or_default();
        if !handed.split_whitespace().any(|one| one == controller) {
            fs::write(&file, format!("+{controller}")).map_err(Jammed::at("write", &file))?;
        }
        match steps.next() {
            Some(step) => group.push(step),
            None => return Ok(()),
        }
    }
}
