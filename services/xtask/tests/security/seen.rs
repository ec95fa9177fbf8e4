//! A sandbox's processes as the machine sees them: from outside, in `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::stack::Stack;

/// What stands beside each other for one sandbox.
pub(crate) struct Vm {
    /// Where the host keeps what belongs to its last placement.
    pub(crate) folder: PathBuf,
}

/// A process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u64);

impl Vm {
    pub(crate) fn of(stack: &Stack, sandbox: &str) -> Result<Self> {
        let hosts = Path::new("/run/roost/hosts").join(stack.state().host_id());
        let prefix = format!("{sandbox}.");
        let names = fs::read_dir(hosts.join("engines"))?.flatten();
        let mut folders = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        let folder = folders
            .next()
            .with_context(|| format!("{sandbox} has no engine"))?
            .path();
        Ok(Self { folder })
    }

    /// Who speaks Firecracker's API: not QEMU itself, but who reads what that says.
    pub(crate) fn engine(&self) -> Result<Process> {
        self.recorded("engine.json")
    }

    /// QEMU, in which the guest runs.
    pub(crate) fn qemu(&self) -> Result<Process> {
        let Process(engine) = self.engine()?;
        let children = fs::read_to_string(format!("/proc/{engine}/task/{engine}/children"))?;
        let first = children.split_whitespace().next().context("a child")?;
        Ok(Process(first.parse()?))
    }

    /// Who serves its memory, if it was restored.
    pub(crate) fn pager(&self) -> Result<Process> {
        self.recorded("pager.json")
    }

    fn recorded(&self, record: &str) -> Result<Process> {
        let record: Value = serde_json::from_slice(&fs::read(self.folder.join(record))?)?;
        record["process"]["pid"].as_u64().map(Process).context("a pid")
    }
}

impl Process {
    /// A field of its `status`, such as `Uid`, its words with one space between.
    pub(crate) fn status(self, field: &str) -> Result<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let mut fields = status.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(name, _)| *name == field);
        let (_, value) = found.with_context(|| format!("{} has no {field}", self.0))?;
        Ok(value.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// A field of its `status` that is a number, perhaps with a unit.
    pub(crate) fn number(self, field: &str) -> Result<u64> {
        let value = self.status(field)?;
        let number = value.split(' ').next().unwrap_or_default();
        number.parse().with_context(|| format!("{field} is {value:?}"))
    }

    /// Which namespace of this kind it is in.
    pub(crate) fn namespace(self, kind: &str) -> Result<u64> {
        Ok(fs::metadata(format!("/proc/{}/ns/{kind}", self.0))?.ino())
    }

    /// A path as it sees it.
    pub(crate) fn sees(self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.0))
    }

    /// A file of the cgroup that it is in, by controller in version 1.
    pub(crate) fn cgroup(self, controller: &str, file: &str) -> Result<String> {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", self.0))?;
        let of = |wanted: &str| {
            groups.lines().find_map(|line| {
                let mut words = line.splitn(3, ':').skip(1);
                let (controllers, group) = (words.next()?, words.next()?);
                controllers
                    .split(',')
                    .any(|one| one == wanted)
                    .then_some(group.trim_start_matches('/'))
            })
        };
        let first = Path::new("/sys/fs/cgroup").join(controller);
        let path = if first.is_dir() {
            first.join(of(controller).context("a group")?)
        } else {
            Path::new("/sys/fs/cgroup").join(of("").context("a group")?)
        };
        let path = path.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        Ok(text.trim().to_owned())
    }
}
