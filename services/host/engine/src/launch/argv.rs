//! The command line of an engine, jailed or not.

use super::{Launch, jail::SOCKET_IN_JAIL};
use std::{ffi::OsString, path::PathBuf};

/// Program and arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argv {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
}

impl Launch {
    /// What to execute. The jailer passes `--id` on by itself, and enters the namespace by itself.
    pub(super) fn argv(&self) -> Argv {
        let mut args: Vec<OsString> = Vec::new();
        let program = if let Some(jail) = &self.jail {
            args.extend(jail.arguments(&self.binary, &self.id, self.netns.as_deref()));
            args.extend(["--".into(), "--api-sock".into(), SOCKET_IN_JAIL.into()]);
            jail.jailer.clone()
        } else {
            args.extend([
                "--api-sock".into(),
                self.socket.clone().into(),
                "--id".into(),
                self.id.clone().into(),
            ]);
            self.binary.clone()
        };
        args.extend(self.args.iter().cloned());
        Argv { program, args }
    }
}

#[cfg(test)]
mod tests {
    use super::Argv;
    use crate::{EngineKind, Jail, Launch};

    fn words(launch: &Launch) -> String {
        let Argv { program, args } = launch.argv();
        let words = args.iter().map(|word| word.to_string_lossy().into_owned());
        std::iter::once(program.display().to_string())
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn both_engines_are_called_alike() {
        let launch = Launch::new(EngineKind::Qemu, "/bin/roost-qemu", "sb1", "/e/sb1");
        assert_eq!(
            words(&launch),
            "/bin/roost-qemu --api-sock /e/sb1/api.sock --id sb1"
        );
    }

    #[test]
    fn a_jailed_engine_is_called_through_its_jailer() {
        let mut launch = Launch::new(EngineKind::Firecracker, "/bin/firecracker", "sb1", "/e/sb1");
        launch.netns = Some("/run/netns/roost-1".into());
        let mut jail = Jail::new("/bin/jailer", 10_001, 10_001, "/srv/jail");
        jail.cgroups.push("cpu.shares=512".into());
        launch.jail = Some(jail);
        assert_eq!(
            words(&launch),
            "/bin/jailer --id sb1 --exec-file /bin/firecracker --uid 10001 --gid 10001 --chroot-base-dir /srv/jail \
             --cgroup-version 1 --cgroup cpu.shares=512 --netns /run/netns/roost-1 -- --api-sock /api.sock"
        );
        assert_eq!(launch.api_socket().to_str(), Some("/e/sb1/root/api.sock"));
    }
}
