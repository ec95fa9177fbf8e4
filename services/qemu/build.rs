//! Builds the library that is loaded into QEMU, so that this program can carry it and nothing is installed beside it.

use std::{env, path::PathBuf, process::Command};

const SOURCE: &str = "preload/src/lib.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let variable = |name| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let library = PathBuf::from(variable("OUT_DIR")).join("libroost_preload.so");
    let status = Command::new(variable("RUSTC"))
        .args([
            "--crate-name",
            "roost_preload",
            "--crate-type",
            "cdylib",
            "--edition",
            "2024",
        ])
        .args(["-C", "panic=abort", "-C", "opt-level=s", "-C", "strip=symbols"])
        .arg("--target")
        .arg(variable("TARGET"))
        .arg("-o")
        .arg(&library)
        .arg(SOURCE)
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => panic!("cannot build {SOURCE}: {other:?}"),
    }
}
