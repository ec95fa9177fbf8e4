//! `PUT /drives/{drive_id}`

use super::unsupported;
use crate::machine::{Artifact, Change, Decision, Fault, Machine};
use roost_engine::api::Drive;

pub(super) fn decide(machine: &Machine, drive: Drive) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    unsupported("rate_limiter", drive.rate_limiter.as_ref())?;
    unsupported("partuuid", drive.partuuid.as_ref())?;
    unsupported("socket", drive.socket.as_ref())?;
    unsupported(
        "io_engine",
        drive.io_engine.as_ref().filter(|engine| *engine != "Sync"),
    )?;
    let other_root = |other: &&Drive| other.is_root_device && other.drive_id != drive.drive_id;
    if let (true, Some(found)) = (
        drive.is_root_device,
        machine.config.drives.iter().find(other_root),
    ) {
        return Err(Fault::SecondRootDrive {
            found: found.drive_id.clone(),
            refused: drive.drive_id,
        });
    }
    let Some(path) = &drive.path_on_host else {
        return Err(Fault::DriveWithoutPath {
            drive_id: drive.drive_id,
        });
    };
    let disk = Artifact::Disk {
        path: path.into(),
        writable: drive.is_read_only != Some(true),
    };
    Ok(Decision::provided(vec![disk], Change::Drive(drive)))
}
