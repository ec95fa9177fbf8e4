//! Applying rule sets with the `nft` program.
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
    let missing = |source| OsError::NftMissing {
        program: program.to_owned(),
        source,
    };
    let refused = |stderr: String| OsError::NftRefused {
        program: program.to_owned(),
        stderr,
    };
    let document = serde_json::to_vec(document).map_err(|error| refused(error.to_string()))?;
    let mut child = Command::new(program)
        .args(["-j", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    // nft reads everything before it speaks. One that exits early breaks the pipe; what it then said is the better error.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(&document));
    let output = child.wait_with_output().map_err(missing)?;
    if !output.status.success() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    match written {
        Some(Err(error)) => Err(refused(error.to_string())),
        _ => Ok(()),
    }
}
