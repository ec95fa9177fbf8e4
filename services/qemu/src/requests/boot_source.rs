//! `PUT /boot-source`

use crate::machine::{Artifact, Change, Decision, Fault, Machine};
use roost_engine::api::BootSource;

pub(super) fn decide(machine: &Machine, source: BootSource) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    let mut artifacts = vec![Artifact::Kernel(source.kernel_image_path.clone().into())];
    artifacts.extend(
        source
            .initrd_path
            .clone()
            .map(|path| Artifact::Initrd(path.into())),
    );
    Ok(Decision::provided(artifacts, Change::BootSource(source)))
}
