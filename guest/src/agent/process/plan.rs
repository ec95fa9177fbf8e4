//! From a request to everything a process needs: who, where, what, with which environment.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use connectrpc::ConnectError;
use roost_schemas::envd::process::{ProcessConfig, StartRequest};
use roost_schemas::trace::TraceParent;
use thiserror::Error;

use super::terminal::{Size, TooLarge};
use crate::agent::settings::Settings;
use crate::agent::trace;
use crate::cgroups::Group;
use crate::users::{self, User};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What practically every client emulates.
const DEFAULT_TERM: &str = "xterm-256color";

/// A process to be.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::agent) struct Plan {
    /// The program: a path, or a name to look up in PATH.
    pub(super) program: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Its whole environment.
    pub(super) env: BTreeMap<String, String>,
    /// Its working directory.
    pub(super) directory: PathBuf,
    /// Whom it runs as.
    pub(super) user: User,
    /// What its standard streams are.
    pub(super) streams: Streams,
    /// The control group it runs in.
    pub(in crate::agent) group: Group,
}

impl Plan {
    /// Tells the process which trace it is a part of, unless its client has chosen one for it.
    pub(super) fn go_on(&mut self, parent: &TraceParent) {
        self.env
            .entry(trace::VARIABLE.to_owned())
            .or_insert_with(|| parent.to_string());
    }
}

/// Standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Pipes.
    Pipes {
        /// For the input too, instead of `/dev/null`.
        stdin: bool,
    },
    /// A terminal of this size.
    Terminal(Size),
}

impl Streams {
    fn of(request: &StartRequest) -> Result<Self, TooLarge> {
        Ok(match request.pty.as_option() {
            Some(pty) => Self::Terminal(Size::of(pty)?),
            // Clients that are older than the field do not send it, and expect a pipe.
            None => Self::Pipes {
                stdin: request.stdin.unwrap_or(true),
            },
        })
    }
}

/// Why a request cannot become a process.
#[derive(Debug, Error)]
pub(in crate::agent) enum PlanError {
    #[error("no command: set `process.cmd`")]
    NoCommand,
    #[error(transparent)]
    Terminal(#[from] TooLarge),
    #[error("{0} contains a NUL byte, which no program can be given")]
    Nul(&'static str),
    #[error("the environment variable name {0:?} is empty or contains `=`")]
    Variable(String),
    #[error("the sandbox has no user {0:?}")]
    NoUser(String),
    #[error("cannot read the sandbox's users: {0}")]
    Users(#[from] io::Error),
}

impl From<PlanError> for ConnectError {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Users(_) => Self::internal(message),
            _ => Self::invalid_argument(message),
        }
    }
}

/// Completes a request with the sandbox's settings and the user's entry below `root`.
pub(in crate::agent) fn make(
    root: &Path,
    request: &StartRequest,
    user: Option<String>,
    settings: &Settings,
) -> Result<Plan, PlanError> {
    let config: &ProcessConfig = &request.process;
    if config.cmd.is_empty() {
        return Err(PlanError::NoCommand);
    }
    check(config)?;
    let streams = Streams::of(request)?;
    let acting = users::acting(root, user.as_deref(), settings.default_user.as_deref())?;
    let user = acting.ok_or_else(|| PlanError::NoUser(user.unwrap_or_default()))?;
    let mut env = base_environment(&user);
    if matches!(streams, Streams::Terminal(_)) {
        env.insert("TERM".into(), DEFAULT_TERM.into());
    }
    env.extend(settings.env.clone());
    env.extend(
        config
            .envs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Ok(Plan {
        program: config.cmd.clone(),
        args: config.args.clone(),
        env,
        directory: directory(root, config.cwd.as_deref(), &user, settings),
        streams,
        group: Group::User,
        user,
    })
}

fn check(config: &ProcessConfig) -> Result<(), PlanError> {
    let nul = |text: &str| text.contains('\0');
    if nul(&config.cmd) || config.args.iter().any(|arg| nul(arg)) {
        return Err(PlanError::Nul("the command"));
    }
    if config.cwd.as_deref().is_some_and(nul) {
        return Err(PlanError::Nul("the working directory"));
    }
    for (name, value) in &config.envs {
        if nul(name) || nul(value) {
            return Err(PlanError::Nul("the environment"));
        }
        if name.is_empty() || name.contains('=') {
            return Err(PlanError::Variable(name.clone()));
        }
    }
    Ok(())
}

fn base_environment(user: &User) -> BTreeMap<String, String> {
    [
        ("PATH", DEFAULT_PATH),
        ("HOME", &user.home),
        ("USER", &user.name),
        ("LOGNAME", &user.name),
    ]
    .into_iter()
    .chain([("SHELL", user.shell.as_str())])
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The asked directory, else the sandbox's, else the user's home if there is one; relative ones start at home.
fn directory(root: &Path, asked: Option<&str>, user: &User, settings: &Settings) -> PathBuf {
    let home = Path::new(&user.home);
    let chosen = asked
        .filter(|path| !path.is_empty())
        .or(settings.default_workdir.as_deref());
    match chosen {
        Some("~") => home.to_owned(),
        Some(path) => match path.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => home.join(path),
        },
        None if root.join(home.strip_prefix("/").unwrap_or(home)).is_dir() => home.to_owned(),
        None => PathBuf::from("/"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn request(config: ProcessConfig) -> StartRequest {
        StartRequest {
            process: config.into(),
            ..StartRequest::default()
        }
    }

    fn config(cmd: &str) -> ProcessConfig {
        ProcessConfig {
            cmd: cmd.into(),
            ..ProcessConfig::default()
        }
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::create_dir_all(root.path().join("home/user")).unwrap();
        fs::write(
            root.path().join("etc/passwd"),
            "user:x:1000:1000::/home/user:/bin/bash\n",
        )
        .unwrap();
        root
    }

    #[test]
    fn defaults_complete_a_bare_command() {
        let root = root();
        let plan = make(
            root.path(),
            &request(config("id")),
            Some("user".into()),
            &Settings::default(),
        )
        .unwrap();
        assert_eq!(
            (plan.user.uid, plan.directory),
            (1000, PathBuf::from("/home/user"))
        );
        assert_eq!(
            (plan.env["HOME"].as_str(), plan.env["PATH"].as_str()),
            ("/home/user", DEFAULT_PATH)
        );
        assert_eq!(
            plan.streams,
            Streams::Pipes { stdin: true },
            "an absent `stdin` counts as true"
        );
        let plan = make(root.path(), &request(config("id")), None, &Settings::default()).unwrap();
        assert_eq!(
            (plan.user.uid, plan.directory),
            (0, PathBuf::from("/")),
            "this root has no /root"
        );
    }

    #[test]
    fn the_request_overrides_the_sandbox() {
        let root = root();
        let settings = Settings {
            default_user: Some("user".into()),
            default_workdir: Some("work".into()),
            env: [("A".into(), "1".into()), ("B".into(), "1".into())].into(),
            ..Settings::default()
        };
        let mut config = config("id");
        config.envs = [("B".into(), "2".into())].into_iter().collect();
        let plan = make(root.path(), &request(config.clone()), None, &settings).unwrap();
        assert_eq!(plan.directory, Path::new("/home/user/work"));
        assert_eq!((plan.env["A"].as_str(), plan.env["B"].as_str()), ("1", "2"));
        for (cwd, expected) in [("/tmp", "/tmp"), ("~", "/home/user"), ("~/a", "/home/user/a")] {
            config.cwd = Some(cwd.into());
            let plan = make(root.path(), &request(config.clone()), None, &settings).unwrap();
            assert_eq!(plan.directory, Path::new(expected));
        }
    }

    #[test]
    fn what_cannot_run_is_refused_by_name() {
        let root = root();
        let refuse = |config: ProcessConfig, user: Option<&str>| {
            make(
                root.path(),
                &request(config),
                user.map(Into::into),
                &Settings::default(),
            )
            .unwrap_err()
            .to_string()
        };
        assert!(refuse(config(""), None).contains("process.cmd"));
        assert!(refuse(config("a\0b"), None).contains("NUL"));
        assert!(refuse(config("id"), Some("ghost")).contains("\"ghost\""));
        let mut odd = config("id");
        odd.envs = [("A=B".into(), "2".into())].into_iter().collect();
        assert!(refuse(odd, None).contains("\"A=B\""));
    }
}
