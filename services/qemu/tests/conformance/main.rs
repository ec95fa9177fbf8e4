//! What every engine must do, run against each engine there is: `roost-qemu` always, Firecracker where one is found
//! (`ROOST_FIRECRACKER`, or `firecracker` on `PATH`). Where none is, one test says so by its name.
//!
//! The guest is bare metal, so that Firecracker is tested also on machines whose KVM cannot run Linux.

mod bench;
mod cases;
mod frozen;
mod guest;
#[path = "../support/netns.rs"]
mod netns;
mod pager;
mod raw;

use bench::Engine;
use cases::{CASES, Case, FIRECRACKER_CASES, QEMU_CASES};
use libtest_mimic::{Arguments, Failed, Trial};
use roost_engine::{EngineKind, Firecracker};
use std::{path::PathBuf, process::ExitCode};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    if let Some(ended) = pager::instead() {
        return ended;
    }
    let mut trials = Vec::new();
    let qemu = Engine {
        kind: EngineKind::Qemu,
        binary: PathBuf::from(env!("CARGO_BIN_EXE_roost-qemu")),
        jailer: None,
    };
    trials.extend(CASES.iter().chain(QEMU_CASES).map(|case| trial(&qemu, case)));
    match runtime().block_on(Firecracker::locate()) {
        Ok(found) => {
            let engine = Engine {
                kind: EngineKind::Firecracker,
                binary: found.binary,
                jailer: found.jailer,
            };
            trials.extend(
                CASES
                    .iter()
                    .chain(FIRECRACKER_CASES)
                    .map(|case| trial(&engine, case)),
            );
        }
        Err(reason) => {
            let message = format!("Firecracker was NOT tested: {reason}");
            trials.push(Trial::test(
                "firecracker::NOT_TESTED_because_none_was_found",
                move || {
                    eprintln!("{message}");
                    Ok(())
                },
            ));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(engine: &Engine, case: &'static Case) -> Trial {
    let engine = engine.clone();
    Trial::test(format!("{}::{}", engine.kind, case.name), move || {
        runtime()
            .block_on((case.run)(engine))
            .map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}
