//! `engine.json`: what a restarted host needs to find its engine again. Other processes leave records like it.

use super::ProcessId;
use crate::launch::EngineKind;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Name of the record in the engine's directory.
const FILE_NAME: &str = "engine.json";

/// An engine as it is written down in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Which engine it is.
    pub kind: EngineKind,
    /// Id given by `--id`.
    pub id: String,
    /// The process.
    pub process: ProcessId,
    /// The engine's directory, which holds this record.
    pub dir: PathBuf,
    /// The API socket as the host sees it.
    pub socket: PathBuf,
    /// The engine's output.
    pub log: PathBuf,
}

impl Record {
    /// Where this record lives.
    pub fn path(&self) -> PathBuf {
        self.dir.join(FILE_NAME)
    }

    /// The record in `dir`, or nothing when there is none.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        read_record(&dir.join(FILE_NAME))
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        write_record(&self.path(), self)
    }
}

/// The record at `path`, or nothing when there is none.
pub fn read_record<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a record so that a reader sees all of it or none. It need not survive a power failure: neither does the
/// process.
pub fn write_record<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let partial = path.with_extension("json.partial");
    let mut file = File::create(&partial)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    drop(file);
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(dir: &Path) -> Record {
        Record {
            kind: EngineKind::Qemu,
            id: "sb1".into(),
            process: ProcessId {
                pid: 7,
                start_time: 9,
                boot_id: "b".into(),
            },
            dir: dir.to_owned(),
            socket: dir.join("api.sock"),
            log: dir.join("engine.log"),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let record = record(dir.path());
        record.write().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Some(record));
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no partial file stays behind"
        );
    }

    #[test]
    fn no_record_is_not_an_error_but_a_broken_one_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
        fs::write(dir.path().join(FILE_NAME), b"{\"pid\":").unwrap();
        assert_eq!(
            Record::read(dir.path()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
