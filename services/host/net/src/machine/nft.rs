//! Rule sets by way of the `nft` program.
//!
//! The nftables crate writes the documents; the program is run here because the crate's own runner leaves the program's
//! standard error, where the reason of a refusal is, on ours.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nftables::schema::Nftables;

use crate::error::OsError;

/// Applies `document`, as one transaction, in the calling thread's network namespace.
pub(crate) fn apply(program: &Path, document: &Nftables<'_>) -> Result<(), OsError> {
    let document = serde_json::to_vec(document).map_err(|error| refused(program, error.to_string()))?;
    run(program, &["-j", "-f", "-"], &document).map(drop)
}

/// The map `name` of the inet table `table` in the calling thread's network namespace, as a JSON document with numbers
/// where words might stand.
pub(crate) fn list_map(program: &Path, table: &str, name: &str) -> Result<Vec<u8>, OsError> {
    run(program, &["-j", "-n", "list", "map", "inet", table, name], &[])
}

/// Runs the program on `input`; what it writes.
fn run(program: &Path, words: &[&str], input: &[u8]) -> Result<Vec<u8>, OsError> {
    let missing = |source| OsError::NftMissing {
        program: program.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    // nft reads everything before it speaks. One that exits early breaks the pipe; what it then said is the better error.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().map_err(missing)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refused(program, said.trim().to_owned()));
    }
    match written {
        Some(Err(error)) => Err(refused(program, error.to_string())),
        _ => Ok(output.stdout),
    }
}

fn refused(program: &Path, stderr: String) -> OsError {
    OsError::NftRefused {
        program: program.to_owned(),
        stderr,
    }
}
