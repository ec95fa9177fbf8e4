//! The command line: that of Firecracker's jailer, as far as it applies.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use crate::error::Jammed;

/// Runs an engine in a jail: a user, a root folder and namespaces of its own, without privileges.
///
/// The engine is told its `--id` and the arguments behind `--`, and sees `<chroot-base-dir>/<program>/<id>/root` as its root.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Cli {
    /// The engine's id: 1 to 64 letters, digits and hyphens.
    #[arg(long, value_parser = parse_id)]
    pub id: String,
    /// The engine's program.
    #[arg(long)]
    pub exec_file: PathBuf,
    /// The user it runs as, which nobody else is.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub uid: u32,
    /// The group it runs as.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub gid: u32,
    /// The folder below which the roots of engines are made.
    #[arg(long, default_value = "/srv/jailer")]
    pub chroot_base_dir: PathBuf,
    /// The network namespace to join, by path.
    #[arg(long)]
    pub netns: Option<PathBuf>,
    /// The version of the cgroup hierarchy.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub cgroup_version: u8,
    /// The cgroup below which the engine gets its own; by default one with the program's name.
    #[arg(long, value_parser = parse_beneath)]
    pub parent_cgroup: Option<PathBuf>,
    /// A setting of the engine's cgroup, as `memory.max=300000000`.
    #[arg(long = "cgroup", value_parser = parse_setting)]
    pub cgroups: Vec<Setting>,
    /// A limit of the process: `no-file=N` descriptors, or `fsize=N` bytes a file.
    #[arg(long = "resource-limit", value_parser = parse_setting)]
    pub resource_limits: Vec<Setting>,
    /// A file or folder that the engine may read, at the same path in its root.
    #[arg(long)]
    pub show: Vec<PathBuf>,
    /// Further arguments for the engine.
    #[arg(last = true)]
    pub extra: Vec<OsString>,
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// A file of a cgroup, or a limit.
    pub name: String,
    /// What to set it to.
    pub value: String,
}

/// The engine's program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Its file name, after which the folder and the cgroup of its jails are called.
    pub(crate) name: String,
}

impl Cli {
    pub(crate) fn program(&self) -> Result<Program, Jammed> {
        let failed = |reason: String| Jammed::Program {
            path: self.exec_file.clone(),
            reason,
        };
        let path = self.exec_file.canonicalize();
        let path = path.map_err(|error| failed(error.to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str());
        match name {
            Some(name) if path.is_file() => Ok(Program {
                name: name.to_owned(),
                path,
            }),
            _ => Err(failed("it is not a file with a name in UTF-8".to_owned())),
        }
    }
}

fn parse_id(id: &str) -> Result<String, String> {
    let valid = (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    valid
        .then(|| id.to_owned())
        .ok_or_else(|| "must be 1 to 64 letters, digits or hyphens".to_owned())
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains('/') && !value.is_empty() => Ok(Setting {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("must be a name, an equals sign and a value".to_owned()),
    }
}

/// A path that cannot lead out of the folder it is put into.
fn parse_beneath(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    if !text.is_empty() && path.components().all(plain) {
        return Ok(path);
    }
    Err("must be a relative path without dots".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        let common = "roost-jailer --exec-file /bin/true --chroot-base-dir /srv ";
        Cli::try_parse_from(format!("{common}{words}").split(' '))
    }

    #[test]
    fn the_words_of_firecrackers_jailer_are_understood() {
        let cli = parse(
            "--id sb1-1 --uid 7 --gid 8 --netns /run/netns/n --cgroup-version 2 --parent-cgroup roost-h \
             --cgroup memory.max=5 --cgroup pids.max=6 --resource-limit no-file=64 -- --api-sock /api.sock",
        )
        .unwrap();
        assert_eq!((cli.uid, cli.gid, cli.cgroup_version), (7, 8, 2));
        assert_eq!(cli.cgroups.len(), 2);
        assert_eq!(cli.extra, ["--api-sock", "/api.sock"]);
    }

    #[test]
    fn what_would_be_no_jail_is_refused() {
        for words in [
            "--id sb1 --uid 0 --gid 8",
            "--id sb1 --uid 7 --gid 0",
            "--id ../x --uid 7 --gid 8",
            "--id sb1 --uid 7 --gid 8 --parent-cgroup ../x",
            "--id sb1 --uid 7 --gid 8 --parent-cgroup /x",
            "--id sb1 --uid 7 --gid 8 --cgroup ../memory.max=5",
            "--id sb1 --uid 7 --gid 8 --cgroup memory.max",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
