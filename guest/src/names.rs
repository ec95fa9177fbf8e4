//! The guest's name and the files that tell programs about it: written at boot, and anew when a snapshot is restored as
//! another sandbox.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::unistd::sethostname;
use serde::Deserialize;
use thiserror::Error;

/// The address that a name of the machine itself stands for.
const OWN: &str = "127.0.1.1";

/// A name by RFC 1123: letters, digits and hyphens, 1 to 63 of them, no hyphen at the ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Hostname(String);

/// No host may have this name.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no host name: 1 to 63 letters, digits and hyphens, none of these at the ends")]
pub(crate) struct HostnameError(String);

impl TryFrom<String> for Hostname {
    type Error = HostnameError;

    fn try_from(name: String) -> Result<Self, HostnameError> {
        let valid = (1..=63).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if valid {
            Ok(Self(name))
        } else {
            Err(HostnameError(name))
        }
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Hostname {
    fn default() -> Self {
        Self("sandbox".into())
    }
}

impl Hostname {
    /// Gives the machine this name.
    pub(crate) fn set(&self) -> nix::Result<()> {
        sethostname(&self.0)
    }

    /// Writes `hostname` and `hosts` in the directory `etc`; in `hosts` only the line of the machine's own name changes.
    pub(crate) fn write(&self, etc: &Path) -> io::Result<()> {
        fs::create_dir_all(etc)?;
        replace(&etc.join("hostname"), &format!("{self}\n"))?;
        let hosts = etc.join("hosts");
        let renamed = match fs::read_to_string(&hosts) {
            Ok(text) if !text.is_empty() => self.renamed(&text),
            _ => self.renamed("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
        };
        replace(&hosts, &renamed)
    }

    fn renamed(&self, hosts: &str) -> String {
        let is_own = |line: &&str| line.split_ascii_whitespace().next() == Some(OWN);
        let others = hosts.lines().filter(|line| !is_own(line));
        let own = format!("{OWN}\t{self}");
        others
            .chain([own.as_str()])
            .flat_map(|line| [line, "\n"])
            .collect()
    }
}

/// Makes `text` the content of a file, unless it is already: what does not change needs no snapshot's space.
///
/// A file that is there is written in place, which is quick and works on a full drive; nobody sees it half done, because
/// users' programs do not run yet, or stand still. Images often have a link to a service's own file there, which must not
/// be followed.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return fs::write(path, text),
        }
    }
    let file = File::options().read(true).write(true).open(path)?;
    let mut content = Vec::new();
    (&file).read_to_end(&mut content)?;
    if content != text.as_bytes() {
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn name(text: &str) -> Hostname {
        Hostname::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_name_no_host_may_have_is_refused() {
        for wrong in ["", "-a", "a-", "a/b", "a.b", "ä", &"a".repeat(64)] {
            assert_eq!(
                Hostname::try_from(wrong.to_owned()),
                Err(HostnameError(wrong.into()))
            );
        }
        assert_eq!(name(&"a".repeat(63)).to_string().len(), 63);
    }

    #[test]
    fn another_name_takes_the_place_of_the_old_one_and_what_users_wrote_stays() {
        let etc = tempfile::tempdir().unwrap();
        let read = |file: &str| fs::read_to_string(etc.path().join(file)).unwrap();
        name("first").write(etc.path()).unwrap();
        assert!(read("hosts").starts_with("127.0.0.1\tlocalhost\n"));
        let hosts = read("hosts") + "10.0.0.7 database";
        fs::write(etc.path().join("hosts"), hosts).unwrap();
        name("second").write(etc.path()).unwrap();
        assert_eq!(read("hostname"), "second\n");
        assert!(read("hosts").ends_with("10.0.0.7 database\n127.0.1.1\tsecond\n"));
        assert!(!read("hosts").contains("first"));
    }

    #[test]
    fn a_link_is_replaced_and_a_file_is_written_in_place() {
        let etc = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (etc.path().join("hostname"), etc.path().join("elsewhere"));
        symlink(&elsewhere, &path).unwrap();
        replace(&path, "a").unwrap();
        assert!(!elsewhere.exists() && fs::read(&path).unwrap() == b"a");
        let inode = fs::metadata(&path).unwrap().ino();
        for text in ["longer", "short", "short"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    }
}
