//! What the routes of both APIs do to sandboxes, one file each: send the command, wait for what it leads to.

mod change_tenant;
mod change_webhook;
mod create;
mod delete_template;
mod end;
mod exec;
mod fork;
mod past;
mod pause;
mod resume;
mod set_network;
mod set_timeout;
mod snapshot;

pub(crate) use fork::{Changes, Fork, Forked};
pub(crate) use pause::is_pause;
