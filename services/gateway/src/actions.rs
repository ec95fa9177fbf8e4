//! What the routes of both APIs do to sandboxes, one file each: send the command, wait for what it leads to.

mod create;
mod end;
mod exec;
mod set_network;
mod set_timeout;
