//! The guest's users, read from `/etc/passwd` and `/etc/group` by hand: a static program has no NSS.

use std::fs;
use std::io;
use std::path::Path;

/// Who is always there.
const ROOT: &str = "root";

/// A user a command can run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The login name.
    pub(crate) name: String,
    /// User id.
    pub(crate) uid: u32,
    /// Primary group id.
    pub(crate) gid: u32,
    /// Every group the user is in, the primary one first.
    pub(crate) groups: Vec<u32>,
    /// Home directory.
    pub(crate) home: String,
    /// Login shell.
    pub(crate) shell: String,
}

/// Finds a user below `root`; `None` when there is no such name.
///
/// Root exists even in an image without a passwd file.
pub(crate) fn find(root: &Path, name: &str) -> io::Result<Option<User>> {
    let passwd = read_or_empty(&root.join("etc/passwd"))?;
    let Some(mut user) = parse_passwd(&passwd, name) else {
        return Ok((name == ROOT).then(superuser));
    };
    let group = read_or_empty(&root.join("etc/group"))?;
    user.groups
        .extend(parse_groups(&group, name).filter(|gid| *gid != user.gid));
    Ok(Some(user))
}

/// The user `named`, else the sandbox's `default` one, else root, who also stands in for a default user whom the template
/// does not have; `None` when there is no user of the given name.
pub(crate) fn acting(root: &Path, named: Option<&str>, default: Option<&str>) -> io::Result<Option<User>> {
    if let Some(named) = named {
        return find(root, named);
    }
    let default = default.map(|name| find(root, name)).transpose()?.flatten();
    default.map_or_else(|| find(root, ROOT), |user| Ok(Some(user)))
}

fn superuser() -> User {
    User {
        name: ROOT.into(),
        uid: 0,
        gid: 0,
        groups: vec![0],
        home: "/root".into(),
        shell: "/bin/sh".into(),
    }
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// `name:password:uid:gid:comment:home:shell`, see passwd(5). A malformed line is no line, as for glibc.
fn parse_passwd(text: &str, name: &str) -> Option<User> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1)?;
        let shell = fields.next().unwrap_or_default();
        let or = |value: &str, default: &str| {
            if value.is_empty() {
                default.to_owned()
            } else {
                value.to_owned()
            }
        };
        Some(User {
            name: name.to_owned(),
            uid,
            gid,
            groups: vec![gid],
            home: or(home, "/"),
            shell: or(shell, "/bin/sh"),
        })
    })
}

/// `group:password:gid:member,member`, see group(5).
fn parse_groups<'a>(text: &'a str, member: &'a str) -> impl Iterator<Item = u32> + 'a {
    text.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let gid = fields.nth(2)?.parse().ok()?;
        fields
            .next()?
            .split(',')
            .any(|name| name == member)
            .then_some(gid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken:x:abc:0::/:/bin/sh\n\
        user:x:1000:1001:A User,,,:/home/user:/bin/bash\nshell-less:x:7:7::/srv:\nshort:x:8\n";
    const GROUP: &str =
        "root:x:0:\nuser:x:1001:\nsudo:x:27:user\nvideo:x:44:other,user\nusers:x:100:use\nodd:x\n";

    #[test]
    fn finds_a_user_with_every_group() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), PASSWD).unwrap();
        fs::write(root.path().join("etc/group"), GROUP).unwrap();
        let user = find(root.path(), "user").unwrap().unwrap();
        assert_eq!(
            (user.uid, user.gid, user.groups),
            (1000, 1001, vec![1001, 27, 44])
        );
        assert_eq!(
            (user.home.as_str(), user.shell.as_str()),
            ("/home/user", "/bin/bash")
        );
        assert_eq!(find(root.path(), "nobody").unwrap(), None);
    }

    #[test]
    fn root_exists_without_a_passwd_file() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find(root.path(), "root").unwrap().unwrap().uid, 0);
        assert_eq!(find(root.path(), "user").unwrap(), None);
    }

    #[test]
    fn root_stands_in_for_a_default_user_who_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), PASSWD).unwrap();
        let name = |named, default| {
            let user = acting(root.path(), named, default).unwrap();
            user.map(|user| user.name)
        };
        assert_eq!(name(None, Some("user")).as_deref(), Some("user"));
        assert_eq!(name(None, Some("ghost")).as_deref(), Some("root"));
        assert_eq!(name(None, None).as_deref(), Some("root"));
        assert_eq!(name(Some("ghost"), Some("user")), None);
    }

    #[test]
    fn malformed_lines_are_no_users() {
        assert_eq!(parse_passwd(PASSWD, "broken"), None);
        assert_eq!(parse_passwd(PASSWD, "short"), None);
        assert_eq!(parse_passwd(PASSWD, ""), None);
    }

    #[test]
    fn an_empty_shell_is_the_default_one() {
        assert_eq!(parse_passwd(PASSWD, "shell-less").unwrap().shell, "/bin/sh");
    }
}
