//! What a snapshot says of itself.

use crate::{
    machine::{Config, Fault},
    qemu::Accelerator,
};
use serde::{Deserialize, Serialize};

/// Who wrote a snapshot, and of what machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Our version and QEMU's: device state fits the engine that wrote it.
    engine: String,
    /// `kvm` or `tcg`: their CPUs differ.
    accelerator: String,
    /// The machine, without what only its boot or its engine needed.
    machine: Config,
}

impl Header {
    /// For a machine that this engine runs.
    pub(crate) fn new(engine: String, accelerator: Accelerator, machine: &Config) -> Self {
        Self {
            engine,
            accelerator: accelerator.name().to_owned(),
            machine: Config {
                boot_source: None,
                ..machine.clone()
            },
        }
    }

    /// The machine.
    pub(crate) fn machine(&self) -> &Config {
        &self.machine
    }

    /// Refuses unless written by `engine` with `accelerator`.
    pub(crate) fn must_fit(&self, engine: &str, accelerator: Accelerator) -> Result<(), Fault> {
        let describe = |engine: &str, accelerator: &str| format!("{engine} on {accelerator}");
        let (found, here) = (
            describe(&self.engine, &self.accelerator),
            describe(engine, accelerator.name()),
        );
        if found == here {
            Ok(())
        } else {
            Err(Fault::OtherEngine { found, here })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::BootSource;

    #[test]
    fn only_the_engine_that_wrote_it_takes_it_back() {
        let header = Header::new("1+qemu.7".to_owned(), Accelerator::Kvm, &Config::default());
        assert_eq!(header.must_fit("1+qemu.7", Accelerator::Kvm), Ok(()));
        for (engine, accelerator) in [
            ("1+qemu.8", Accelerator::Kvm),
            ("1+qemu.7", Accelerator::Tcg { tsc_khz: None }),
        ] {
            let refused = header.must_fit(engine, accelerator);
            assert!(matches!(refused, Err(Fault::OtherEngine { .. })), "{refused:?}");
        }
    }

    #[test]
    fn what_was_booted_is_left_out() {
        let config = Config {
            boot_source: Some(BootSource::default()),
            ..Config::default()
        };
        let header = Header::new(String::new(), Accelerator::Kvm, &config);
        assert_eq!(header.machine().boot_source, None);
    }
}
