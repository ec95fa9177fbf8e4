//! The engines of a host, as it has written them down.
//!
//! ```text
//!   <run>/engines/<sandbox>.<generation>/engine.json   {"process": {"pid", "start_time", "boot_id"}, ..}
//! ```
//!
//! A host writes the record before it tells an engine what to run, so that a guest that moves has one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::Deserialize;

/// An engine's process, which is told from every other by all three.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Engine {
    pub(crate) pid: i32,
    /// Clock ticks since boot at which it started.
    pub(crate) start_time: u64,
    /// The boot it started in.
    pub(crate) boot_id: String,
}

/// What of the record matters here; the rest is between the host and itself.
#[derive(Deserialize)]
struct Record {
    process: Engine,
}

/// The engines in the run folder `run`. What cannot be read is told as well: it may be one that runs on.
pub(crate) fn recorded(run: &Path) -> (Vec<Engine>, Vec<io::Error>) {
    let entries = match fs::read_dir(run.join("engines")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return (Vec::new(), Vec::new()),
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (mut engines, mut errors) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.and_then(|entry| read(&entry.path())) {
            Ok(Some(engine)) => engines.push(engine),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    (engines, errors)
}

fn read(folder: &Path) -> io::Result<Option<Engine>> {
    let path = folder.join("engine.json");
    match fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) => Ok(Some(record.process)),
            Err(error) => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("{}: {error}", path.display()),
            )),
        },
        // The folder is made before the engine, and removed after it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_read_from_their_records_and_damaged_ones_are_told() {
        let run = tempfile::tempdir().unwrap();
        assert!(recorded(run.path()).0.is_empty());
        let write = |owner: &str, text: &str| {
            let folder = run.path().join("engines").join(owner);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("engine.json"), text).unwrap();
        };
        write(
            "sb1.1",
            r#"{"kind":"qemu","process":{"pid":7,"start_time":9,"boot_id":"b"},"dir":"/d"}"#,
        );
        write("sb2.1", "{");
        fs::create_dir_all(run.path().join("engines/sb3.1")).unwrap();
        let (engines, errors) = recorded(run.path());
        let engine = Engine {
            pid: 7,
            start_time: 9,
            boot_id: "b".into(),
        };
        assert_eq!(engines, [engine]);
        assert_eq!(errors.len(), 1);
    }
}
