//! What the host told the agent, kept across restarts of the agent.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::{fs, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::log::say;

/// Settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// What `X-Access-Token` must carry.
    pub(super) access_token: Option<String>,
    /// Variables of every process.
    pub(super) env: BTreeMap<String, String>,
    /// Who runs a command that names no user.
    pub(super) default_user: Option<String>,
    /// Where a command that names no directory runs.
    pub(super) default_workdir: Option<String>,
    /// Whether clients' processes must stand in the log before they start.
    #[serde(default)]
    pub(super) audit: bool,
    /// The host's time of the last change.
    pub(super) at: Option<SystemTime>,
}

/// A change of settings; what is absent stays.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// See [`Settings`].
    pub(super) access_token: Option<String>,
    /// Added to the variables there are.
    pub(super) env: BTreeMap<String, String>,
    /// See [`Settings`].
    pub(super) default_user: Option<String>,
    /// See [`Settings`].
    pub(super) default_workdir: Option<String>,
    /// See [`Settings`].
    pub(super) audit: Option<bool>,
    /// The host's time of this change.
    pub(super) at: Option<SystemTime>,
}

impl Settings {
    /// Whether a change is older than the last: requests can overtake each other.
    fn is_overtaken(&self, change: &Change) -> bool {
        matches!((change.at, self.at), (Some(new), Some(last)) if new < last)
    }

    fn apply(&mut self, change: Change) {
        self.at = change.at.or(self.at);
        self.access_token = change.access_token.or_else(|| self.access_token.take());
        self.default_user = change.default_user.or_else(|| self.default_user.take());
        self.default_workdir = change.default_workdir.or_else(|| self.default_workdir.take());
        self.audit = change.audit.unwrap_or(self.audit);
        self.env.extend(change.env);
    }
}

/// Holds the settings and their copy on file.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    settings: RwLock<Settings>,
}

impl Store {
    /// Takes up the settings of an agent that ran before.
    pub(super) fn open(path: PathBuf) -> Self {
        let settings = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                say!("agent: {} is damaged: {error}", path.display());
                Settings::default()
            }),
            Err(_) => Settings::default(),
        };
        Self {
            path,
            settings: RwLock::new(settings),
        }
    }

    /// The settings now.
    pub(super) fn current(&self) -> Settings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a change; false when it was older than the last one.
    pub(super) fn change(&self, change: Change) -> io::Result<bool> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        if settings.is_overtaken(&change) {
            return Ok(false);
        }
        self.put(&mut settings, change)?;
        Ok(true)
    }

    /// Makes a change however old it looks: the last one may be that of another host, before a snapshot.
    pub(super) fn renew(&self, change: Change) -> io::Result<()> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        self.put(&mut settings, change)
    }

    fn put(&self, settings: &mut Settings, change: Change) -> io::Result<()> {
        let mut changed = settings.clone();
        changed.apply(change);
        self.save(&changed)?;
        *settings = changed;
        Ok(())
    }

    fn save(&self, settings: &Settings) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(settings)?)?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn change(token: &str, second: u64) -> Change {
        let at = UNIX_EPOCH + Duration::from_secs(second);
        Change {
            access_token: Some(token.into()),
            at: Some(at),
            ..Change::default()
        }
    }

    #[test]
    fn an_older_change_is_ignored_and_an_undated_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("settings.json"));
        assert!(store.change(change("new", 20)).unwrap());
        assert!(!store.change(change("old", 10)).unwrap());
        assert_eq!(store.current().access_token.as_deref(), Some("new"));
        let undated = Change {
            default_user: Some("user".into()),
            ..Change::default()
        };
        assert!(store.change(undated).unwrap());
        assert_eq!(store.current().access_token.as_deref(), Some("new"));
    }

    #[test]
    fn a_restored_guest_believes_a_host_whose_clock_is_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("settings.json"));
        store.change(change("old", 20)).unwrap();
        store.renew(change("new", 10)).unwrap();
        assert_eq!(store.current().access_token.as_deref(), Some("new"));
        assert!(store.change(change("newer", 11)).unwrap());
    }

    #[test]
    fn what_a_change_does_not_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let store = Store::open(path.clone());
        let demanded = Change {
            audit: Some(true),
            ..Change::default()
        };
        assert!(store.change(demanded).unwrap());
        assert!(store.change(change("secret", 1)).unwrap());
        let settings = Store::open(path).current();
        assert!(settings.audit && settings.access_token.is_some());
    }

    #[test]
    fn a_restarted_agent_knows_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let before = Store::open(path.clone());
        before.change(change("secret", 1)).unwrap();
        assert_eq!(Store::open(path).current(), before.current());
    }
}
