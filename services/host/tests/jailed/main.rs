//! A jailed Firecracker through boot, snapshot and restore, with its files, its pager's socket and its slot where its jail
//! lets it see them. Where no Firecracker is found, one test says so by its name.
//!
//! The guest is the bare metal one of the engines' conformance tests: it runs also on machines whose KVM cannot run Linux.

#[path = "../../../qemu/tests/conformance/guest/mod.rs"]
#[allow(dead_code, unused_imports, reason = "not all that it can do is wanted here")]
mod guest;
#[path = "../machine/parts.rs"]
mod parts;
mod restore;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use roost_engine::Firecracker;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let trial = match Runtime::new().unwrap().block_on(Firecracker::locate()) {
        Ok(found) => Trial::test("a_jailed_guest_goes_on_where_it_was", || {
            Runtime::new()
                .unwrap()
                .block_on(restore::a_guest_goes_on_where_it_was(found))
                .map_err(|error| Failed::from(format!("{error:?}")))
        }),
        Err(reason) => Trial::test("NOT_TESTED_because_no_firecracker_was_found", move || {
            eprintln!("a jailed Firecracker was NOT tested: {reason}");
            Ok(())
        }),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}
