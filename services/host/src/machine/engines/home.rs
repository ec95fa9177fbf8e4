//! Where the files of an engine are: in its folder, or, for a jailed one, in its jail, which it sees as its root.
//!
//! A snapshot tells of drives by the paths that the engine knew them by. Those are the same in every home, `base` and
//! `data`, so that what was saved by one owner's engine is loaded by another's.

use std::fs;
use std::io;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use roost_engine::{Jail, JailError};
use roost_runtime::port::{Draft, Drives, Fault};

/// The socket on which a restored engine finds its pager.
const PAGER_SOCKET: &str = "uffd.sock";
/// Where a jailed engine finds the state it is to load.
const STATE: &str = "state";
/// Where a jailed engine writes state and memory. Not [`STATE`], which is a sealed file.
const DUMPED: [&str; 2] = ["dump.state", "dump.memory"];

/// See the module.
pub(super) enum Home {
    /// The engine's folder is its working directory, and it sees everything else as well.
    Folder(PathBuf),
    /// It sees nothing but what is put here.
    Jailed {
        jail: Jail,
        /// The engine's program, after which the jailer names its folders.
        binary: PathBuf,
        /// The engine's id.
        id: String,
    },
}

/// The files that a dump is written to, as the engine sees them.
pub(super) struct DumpFiles {
    pub(super) state: String,
    pub(super) memory: String,
}

impl Home {
    /// Makes it: a jailer wants its folder to be there, and a pager has a socket in it before the engine starts.
    pub(super) fn make(&self) -> Result<(), Fault> {
        let folder = self.outside("");
        fs::create_dir_all(&folder).map_err(failed("make the engine's folder", &folder))
    }

    /// A file that engines share and only read, as the engine sees it; in a jail it is called `name`.
    pub(super) fn shared(&self, file: &Path, name: &str) -> Result<String, Fault> {
        match self {
            Self::Folder(_) => Ok(text(file)),
            Self::Jailed { jail, binary, id } => {
                jail.share(binary, id, file, name).map_err(|error| jammed(&error))
            }
        }
    }

    /// The drives, as every engine sees its own: image and writable drive.
    pub(super) fn drives(&self, drives: &Drives) -> Result<(String, String), Fault> {
        let (base, data) = ("base", "data");
        match self {
            Self::Folder(folder) => {
                for (name, drive) in [(base, &drives.base), (data, &drives.data)] {
                    let link = folder.join(name);
                    symlink(drive, &link).map_err(failed("link the drive", &link))?;
                }
                Ok((base.to_owned(), data.to_owned()))
            }
            Self::Jailed { jail, binary, id } => {
                let base = jail
                    .share(binary, id, &drives.base, base)
                    .map_err(|error| jammed(&error))?;
                let data = jail
                    .give(binary, id, &drives.data, data)
                    .map_err(|error| jammed(&error))?;
                Ok((base, data))
            }
        }
    }

    /// Where the engine writes the guest's console.
    pub(super) fn console(&self) -> String {
        self.inside("console.log")
    }

    /// Where the pager is to listen for the engine.
    pub(super) fn pager_socket(&self) -> PathBuf {
        self.outside(PAGER_SOCKET)
    }

    /// The same socket, which is there by now, as the engine sees it.
    pub(super) fn give_pager_socket(&self) -> Result<String, Fault> {
        if let Self::Jailed { jail, .. } = self {
            let socket = self.pager_socket();
            chown(&socket, Some(jail.uid), Some(jail.gid)).map_err(failed("give away", &socket))?;
        }
        Ok(self.inside(PAGER_SOCKET))
    }

    /// The device state to load, as the engine sees it.
    pub(super) fn state(&self, file: &Path) -> Result<String, Fault> {
        self.shared(file, STATE)
    }

    /// Where the engine is to write what becomes `draft`. What an earlier try has left is removed.
    pub(super) fn dump_files(&self, draft: &Draft) -> Result<DumpFiles, Fault> {
        let Self::Jailed { .. } = self else {
            return Ok(DumpFiles {
                state: text(&draft.state),
                memory: text(&draft.memory),
            });
        };
        for file in DUMPED.map(|name| self.outside(name)) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", &file)(error));
                }
                _ => {}
            }
        }
        let [state, memory] = DUMPED.map(|name| self.inside(name));
        Ok(DumpFiles { state, memory })
    }

    /// Moves what the engine has written to where `draft` wants it, out of the engine's reach.
    pub(super) fn take_dump(&self, draft: &Draft) -> Result<(), Fault> {
        let Self::Jailed { .. } = self else { return Ok(()) };
        let [state, memory] = DUMPED.map(|name| self.outside(name));
        for (file, to) in [(&state, &draft.state), (&memory, &draft.memory)] {
            chown(file, Some(0), Some(0)).map_err(failed("take back", file))?;
            fs::rename(file, to).map_err(failed("move the dump to", to))?;
        }
        Ok(())
    }

    fn outside(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(name),
            Self::Jailed { jail, binary, id } => jail.root(binary, id).join(name),
        }
    }

    fn inside(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => text(&folder.join(name)),
            Self::Jailed { .. } => format!("/{name}"),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn jammed(error: &JailError) -> Fault {
    Fault::of("fill the jail", error)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Fault {
    let path = path.to_owned();
    move |error| Fault::new(action, format!("{}: {error}", path.display()))
}
