//! Names of the guest's users and groups by their numbers.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What `/etc/passwd` and `/etc/group` say, read once for a whole listing.
#[derive(Debug, Default)]
pub(in crate::agent) struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Names {
    /// Reads them below `root`; without the files every owner is a number.
    pub(in crate::agent) fn read(root: &Path) -> Self {
        let table = |file: &str| parse(&fs::read(root.join(file)).unwrap_or_default());
        Self {
            users: table("etc/passwd"),
            groups: table("etc/group"),
        }
    }

    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    pub(super) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }
}

/// Both files begin `name:password:number:`. The first name of a number counts.
fn parse(text: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(Ok(number))) =
            (fields.next(), fields.next(), fields.next().map(str::parse))
        {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_name_stay_numbers() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(
            root.path().join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\nodd\n",
        )
        .unwrap();
        fs::write(root.path().join("etc/group"), "wheel:x:0:\n").unwrap();
        let names = Names::read(root.path());
        assert_eq!((names.user(0), names.group(0)), ("root".into(), "wheel".into()));
        assert_eq!(names.user(7), "7");
    }
}
