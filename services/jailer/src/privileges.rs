//! Giving up all that root may do, for good.

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, clear_ambient_capability_set, remove_capability_from_bounding_set, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::error::Jammed;

/// Becomes the user `uid` of the group `gid` and no other, who has no capability and can get none.
///
/// The process has one thread, so what the kernel does to a thread it does to the process.
pub(crate) fn drop(uid: u32, gid: u32) -> Result<(), Jammed> {
    let failed = Jammed::step::<rustix::io::Errno>;
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // An older kernel does not know all of them.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(failed("drop capabilities")(error)),
        }
    }
    clear_ambient_capability_set().map_err(failed("drop capabilities"))?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[]).map_err(failed("leave root's groups"))?;
    set_thread_res_gid(gid, gid, gid).map_err(failed("change the group"))?;
    // With the last user id of root the kernel takes all capabilities away.
    set_thread_res_uid(uid, uid, uid).map_err(failed("change the user"))?;
    set_no_new_privs(true).map_err(failed("give up new privileges"))
}
