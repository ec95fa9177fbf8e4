//! Bytes that outlive this process: a file for this boot of the machine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use async_trait::async_trait;
use roost_runtime::port::{Fault, Keep};

/// Where Linux tells one boot from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A file that is replaced as a whole.
#[derive(Debug, Clone)]
pub(crate) struct KeepFile {
    folder: PathBuf,
    boot: String,
}

impl KeepFile {
    /// In `folder`, which is made if it is not there. Whatever else is in it is of earlier boots, or was not written to its
    /// end, and is removed.
    pub(crate) fn open(folder: PathBuf) -> Result<Self> {
        let boot = fs::read_to_string(BOOT).with_context(|| format!("cannot read {BOOT}"))?;
        let boot = boot.trim().to_owned();
        let context = || format!("cannot use {}", folder.display());
        fs::create_dir_all(&folder).with_context(context)?;
        for entry in fs::read_dir(&folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            if entry.file_name() != *boot {
                fs::remove_file(entry.path()).with_context(context)?;
            }
        }
        Ok(Self { folder, boot })
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(&self.boot)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.folder.join("new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(&self.boot))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Does `work` where waiting for a disk holds nobody up.
    async fn aside<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let file = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&file)).await;
        let fault = |error: &dyn std::fmt::Display| {
            Fault::new(step, format!("{error}; look at {}", self.folder.display()))
        };
        done.map_err(|panic| fault(&panic))?
            .map_err(|error| fault(&error))
    }
}

#[async_trait]
impl Keep for KeepFile {
    async fn load(&self) -> Result<Option<Vec<u8>>, Fault> {
        self.aside("read what was kept", Self::read).await
    }

    async fn save(&self, bytes: Vec<u8>) -> Result<(), Fault> {
        self.aside("keep", move |file| file.write(&bytes)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_read_by_the_next_process_and_of_another_boot_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeepFile::open(folder.path().to_owned()).unwrap();
        let first = open();
        assert_eq!(first.load().await.unwrap(), None);
        first.save(b"one".to_vec()).await.unwrap();
        first.save(b"two".to_vec()).await.unwrap();
        fs::write(folder.path().join("new"), b"half").unwrap();
        assert_eq!(open().load().await.unwrap().as_deref(), Some(&b"two"[..]));
        let only: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(only.len(), 1);

        let earlier = folder.path().join("0192f0c1-7e64-4bb0-8a3e-000000000001");
        fs::rename(folder.path().join(&first.boot), &earlier).unwrap();
        assert_eq!(open().load().await.unwrap(), None);
        assert!(!earlier.exists());
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_told_and_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeepFile::open(folder.path().join("deadlines")).unwrap();
        fs::remove_dir_all(&file.folder).unwrap();
        let fault = file.save(b"one".to_vec()).await.unwrap_err();
        assert!(fault.to_string().contains("deadlines"), "{fault}");
        assert_eq!(file.load().await.unwrap(), None);
    }
}
