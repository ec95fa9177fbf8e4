//! Where the files of an engine are: in its jail, which it sees as its root.
//!
//! A snapshot tells of drives by the paths that the engine knew them by. Those are the same in every home, `/base` and
//! `/data`, so that what was saved by one owner's engine is loaded by another's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use roost_engine::{Jail, JailError};
use roost_runtime::port::{Draft, Drives, Fault};

/// The socket on which a restored engine finds its pager.
const PAGER_SOCKET: &str = "uffd.sock";
/// Where an engine finds the state it is to load.
const STATE: &str = "state";
/// Where an engine writes state and memory. Not [`STATE`], which is a sealed file.
const DUMPED: [&str; 2] = ["dump.state", "dump.memory"];

/// See the module.
pub(super) struct Home {
    /// The engine's folder, from which a link leads into the jail.
    pub(super) folder: PathBuf,
    pub(super) jail: Jail,
    /// The engine's program, after which the jailer names its folders.
    pub(super) binary: PathBuf,
    /// The engine's id.
    pub(super) id: String,
}

/// The files that a dump is written to, as the engine sees them.
pub(super) struct DumpFiles {
    pub(super) state: String,
    pub(super) memory: String,
}

impl Home {
    /// Makes it: a pager has a socket in it before the engine starts.
    pub(super) fn make(&self) -> Result<(), Fault> {
        let made = self.jail.open(&self.binary, &self.id, &self.folder);
        made.map(drop).map_err(|error| jammed(&error))
    }

    /// A file that engines share and only read, as the engine sees it: by `name`.
    pub(super) fn shared(&self, file: &Path, name: &str) -> Result<String, Fault> {
        let shared = self.jail.share(&self.binary, &self.id, file, name);
        shared.map_err(|error| jammed(&error))
    }

    /// The drives, as every engine sees its own: image and writable drive.
    pub(super) fn drives(&self, drives: &Drives) -> Result<(String, String), Fault> {
        let base = self.shared(&drives.base, "base")?;
        let data = self.jail.give(&self.binary, &self.id, &drives.data, "data");
        Ok((base, data.map_err(|error| jammed(&error))?))
    }

    /// Where the pager is to listen for the engine.
    pub(super) fn pager_socket(&self) -> PathBuf {
        self.folder.join("root").join(PAGER_SOCKET)
    }

    /// The same socket, which is there by now, as the engine sees it.
    pub(super) fn give_pager_socket(&self) -> Result<String, Fault> {
        let given = self.jail.give_up(&self.binary, &self.id, PAGER_SOCKET);
        given.map_err(|error| jammed(&error))?;
        Ok(inside(PAGER_SOCKET))
    }

    /// The device state to load, as the engine sees it.
    pub(super) fn state(&self, file: &Path) -> Result<String, Fault> {
        self.shared(file, STATE)
    }

    /// Where the engine is to write a dump. What an earlier try has left is removed.
    pub(super) fn dump_files(&self) -> Result<DumpFiles, Fault> {
        let root = self.jail.root(&self.binary, &self.id);
        for file in DUMPED.map(|name| root.join(name)) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let why = format!("{}: {error}", file.display());
                    return Err(Fault::new("remove what was dumped before", why));
                }
                _ => {}
            }
        }
        let [state, memory] = DUMPED.map(inside);
        Ok(DumpFiles { state, memory })
    }

    /// Moves what the engine has written to where `draft` wants it, out of the engine's reach.
    pub(super) fn take_dump(&self, draft: &Draft) -> Result<(), Fault> {
        let [state, memory] = DUMPED;
        for (name, to) in [(state, &draft.state), (memory, &draft.memory)] {
            let taken = self.jail.take(&self.binary, &self.id, name, to);
            taken.map_err(|error| Fault::of("take the dump", &error))?;
        }
        Ok(())
    }
}

fn inside(name: &str) -> String {
    format!("/{name}")
}

fn jammed(error: &JailError) -> Fault {
    Fault::of("fill the jail", error)
}
