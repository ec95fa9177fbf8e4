//! Limits of the process itself.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::cli::Setting;
use crate::error::Jammed;

/// Descriptors where nothing is said, as Firecracker's jailer has it.
const DESCRIPTORS: u64 = 2048;

pub(crate) fn set(settings: &[Setting]) -> Result<(), Jammed> {
    // A core would have the guest's memory in it.
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, DESCRIPTORS)?;
    for Setting { name, value } in settings {
        let value = value.parse().map_err(|_| unknown(name, value))?;
        match name.as_str() {
            "no-file" => limit(Resource::Nofile, value)?,
            "fsize" => limit(Resource::Fsize, value)?,
            _ => return Err(unknown(name, &value.to_string())),
        }
    }
    Ok(())
}

fn limit(resource: Resource, value: u64) -> Result<(), Jammed> {
    let value = Some(value);
    let limit = Rlimit {
        current: value,
        maximum: value,
    };
    setrlimit(resource, limit).map_err(Jammed::step("limit the process"))
}

fn unknown(name: &str, value: &str) -> Jammed {
    let why = format!("{name}={value} is neither no-file nor fsize with a number");
    Jammed::step("limit the process")(std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
}
