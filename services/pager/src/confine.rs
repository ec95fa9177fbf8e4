//! Giving up what is not needed to serve: root's rights, other programs, most system calls.
//!
//! An engine that was taken over talks to its pager, by the handshake and by what it reports of its memory. Whatever comes of
//! that must stay here: everything that takes rights is open by now.

use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{
    CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::cli::Cli;
use crate::error::Death;
use crate::syscalls;

/// Descriptors: the sockets, their connections, the userfaultfd, the engine, and a file at a time.
const DESCRIPTORS: u64 = 64;
/// Bytes of a file: a working set has a quarter of it, and so may the log.
const FILE_BYTES: u64 = 1 << 20;

/// Goes into the folder of its own, as which the command line names that of `--control`, and says how it calls from there what
/// it still has to find: who has become a user of its own is not let through the folders above.
pub(crate) fn settle_down(cli: &Cli) -> Result<Cli, Death> {
    let mut cli = cli.clone();
    if cli.user.is_none() {
        return Ok(cli);
    }
    if let Some(folder) = cli.control.parent() {
        rustix::process::chdir(folder).map_err(Death::setup("enter its folder"))?;
    }
    for path in std::iter::once(&mut cli.control).chain(&mut cli.record) {
        if let Some(name) = path.file_name() {
            *path = name.into();
        }
    }
    Ok(cli)
}

/// Confines the process, for good. It has one thread, so what the kernel does to a thread it does to the process.
pub(crate) fn confine(cli: &Cli) -> Result<(), Death> {
    // A core would have the guest's memory in it.
    for (resource, value) in [
        (Resource::Core, 0),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Fsize, FILE_BYTES),
    ] {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit).map_err(Death::setup("limit itself"))?;
    }
    if let (Some(user), Some(engine)) = (cli.user, cli.engine_user) {
        become_user(user, engine)?;
    }
    set_no_new_privs(true).map_err(Death::setup("give up new privileges"))?;
    syscalls::filter()
}

/// Becomes `user`, who has no capability and can get none. As whom it was started the kernel remembers `engine`, and that
/// is the right to kill what runs as `engine` (kill(2)) without being able to do anything else in its name.
fn become_user(user: u32, engine: u32) -> Result<(), Death> {
    let failed = Death::setup::<rustix::io::Errno>;
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // An older kernel does not know all of them.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(failed("drop capabilities")(error)),
        }
    }
    let (group, user, engine) = (Gid::from_raw(user), Uid::from_raw(user), Uid::from_raw(engine));
    set_thread_groups(&[]).map_err(failed("leave root's groups"))?;
    set_thread_res_gid(group, group, group).map_err(failed("change the group"))?;
    // With the last user id of root the kernel takes all capabilities away.
    set_thread_res_uid(engine, user, user).map_err(failed("change the user"))
}
