//! Snapshots as files: what `PUT /snapshot/create` writes and `PUT /snapshot/load` reads.
//!
//! ```text
//!   snapshot_path   magic · format · header (JSON: engine, accelerator, machine) · QEMU's device state · blake3
//!   mem_file_path   the guest's memory, byte for byte; a hole is a page that was never there
//! ```
//!
//! Memory is a shared file of which QEMU maps every page it touches, so a dump is a copy of that file's data. Pages are
//! not tracked beyond that: a `Diff` holds all that have been there since the boot or the load, written or only read.
//! Neither file is forced to the disk: whoever keeps a snapshot does that.

mod header;
mod memory;
mod output;
mod state;

pub(crate) use header::Header;
pub(crate) use memory::{dump, holes, load};
pub(crate) use output::Output;
pub(crate) use state::{read, write};

use crate::machine::Fault;
use std::{io, path::Path};

/// Runs work that waits for files on a thread where nothing else waits for it.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Fault::Boot {
            reason: format!("roost-qemu panicked: {error}"),
        })
    })
}

/// A file that could not be used, and what for.
fn failed<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Fault + 'a {
    move |error| Fault::File {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
