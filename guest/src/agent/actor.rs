//! Whom a request acts as, and what its paths mean.
//!
//! The agent works as root and holds no user back: whoever has the access token may run commands as any user, root
//! among them. So the user of a request says two things only: where its relative paths begin, and who owns what it makes.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use connectrpc::{ConnectError, RequestContext};
use thiserror::Error;

use super::auth;
use super::settings::Settings;
use crate::users::{self, User};

/// Linux' limits in bytes, without and with the terminating NUL.
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 4095;

/// A user of the sandbox, about to do something with files.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// Who owns what is made.
    pub(super) user: User,
    /// What an empty path means, if not the user's home.
    workdir: Option<String>,
}

/// Nobody can act.
#[derive(Debug, Error)]
pub(super) enum ActorError {
    #[error("user {0:?} does not exist in the sandbox")]
    Unknown(String),
    #[error("cannot read the sandbox's users: {0}")]
    Unreadable(#[from] io::Error),
}

/// A path that means nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum PathError {
    #[error("a path must not contain a NUL character")]
    Nul,
    #[error("the path has {0} bytes, at most {LONGEST_PATH} are possible")]
    PathTooLong(usize),
    #[error("a name in the path has {0} bytes, at most {LONGEST_NAME} are possible")]
    NameTooLong(usize),
    #[error("{0:?} names another user's home: write that directory's path")]
    OtherHome(String),
}

impl Actor {
    /// The named user, else the sandbox's default user, looked up in the guest at `root`.
    pub(super) fn find(root: &Path, named: Option<String>, settings: &Settings) -> Result<Self, ActorError> {
        let acting = users::acting(root, named.as_deref(), settings.default_user.as_deref())?;
        let user = acting.ok_or_else(|| ActorError::Unknown(named.unwrap_or_default()))?;
        Ok(Self {
            user,
            workdir: settings.default_workdir.clone(),
        })
    }

    /// Whom a Connect call acts as.
    pub(super) fn of(context: &RequestContext, settings: &Settings) -> Result<Self, ActorError> {
        Self::find(Path::new("/"), auth::requested_user(context.headers()), settings)
    }

    /// The absolute path that `asked` means: `~` is the user's home, where relative paths begin too; an empty one is the
    /// sandbox's working directory. `.` and `..` are taken out as written, so `..` never leads above the root.
    pub(super) fn resolve(&self, asked: &str) -> Result<PathBuf, PathError> {
        let asked = match (asked, &self.workdir) {
            ("", Some(workdir)) => workdir,
            _ => asked,
        };
        if asked.contains('\0') {
            return Err(PathError::Nul);
        }
        let home = Path::new(&self.user.home);
        let joined = match asked.strip_prefix('~') {
            None => home.join(asked),
            Some("") => home.to_owned(),
            Some(below) if below.starts_with('/') => home.join(below.trim_start_matches('/')),
            Some(_) => return Err(PathError::OtherHome(asked.to_owned())),
        };
        let path = normal(&joined);
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(PathError::PathTooLong(length));
        }
        let longest = path.iter().map(OsStr::len).max().unwrap_or(0);
        if longest > LONGEST_NAME {
            return Err(PathError::NameTooLong(longest));
        }
        Ok(path)
    }
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

impl From<ActorError> for ConnectError {
    fn from(error: ActorError) -> Self {
        match error {
            // What E2B answers with.
            ActorError::Unknown(_) => Self::unauthenticated(error.to_string()),
            ActorError::Unreadable(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<PathError> for ConnectError {
    fn from(error: PathError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A user whose home is `home`; whoever runs the tests owns what it makes.
    pub(in crate::agent) fn actor(home: &Path) -> Actor {
        Actor {
            user: User {
                name: "tester".into(),
                uid: nix::unistd::getuid().as_raw(),
                gid: nix::unistd::getgid().as_raw(),
                groups: Vec::new(),
                home: home.to_str().unwrap().into(),
                shell: "/bin/sh".into(),
            },
            workdir: None,
        }
    }

    #[test]
    fn relative_paths_begin_at_home_and_never_leave_the_root() {
        let actor = actor(Path::new("/home/user"));
        for (asked, path) in [
            ("a.txt", "/home/user/a.txt"),
            ("./a//b/", "/home/user/a/b"),
            ("~", "/home/user"),
            ("~/a", "/home/user/a"),
            ("~//etc/a", "/home/user/etc/a"),
            ("", "/home/user"),
            ("/etc/../tmp/./x", "/tmp/x"),
            ("../../../../etc/passwd", "/etc/passwd"),
            ("/..", "/"),
        ] {
            assert_eq!(actor.resolve(asked).unwrap(), Path::new(path), "{asked:?}");
        }
        let with_workdir = Actor {
            workdir: Some("work".into()),
            ..actor
        };
        assert_eq!(with_workdir.resolve("").unwrap(), Path::new("/home/user/work"));
        assert_eq!(with_workdir.resolve("a").unwrap(), Path::new("/home/user/a"));
    }

    #[test]
    fn impossible_paths_are_refused() {
        let actor = actor(Path::new("/home/user"));
        assert_eq!(actor.resolve("a\0b"), Err(PathError::Nul));
        assert_eq!(actor.resolve(&"x".repeat(256)), Err(PathError::NameTooLong(256)));
        assert!(matches!(
            actor.resolve(&"x/".repeat(3000)),
            Err(PathError::PathTooLong(_))
        ));
        assert!(matches!(actor.resolve("~root/x"), Err(PathError::OtherHome(_))));
    }

    #[test]
    fn an_unknown_user_cannot_act() {
        let root = tempfile::tempdir().unwrap();
        let error = Actor::find(root.path(), Some("ghost".into()), &Settings::default()).unwrap_err();
        assert!(error.to_string().contains("\"ghost\""), "{error}");
        let actor = Actor::find(root.path(), None, &Settings::default()).unwrap();
        assert_eq!(actor.user.name, "root");
    }
}
