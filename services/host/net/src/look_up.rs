//! Finding a slot that another process's pool has handed out, for tools on the same machine.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use roost_schemas::SandboxId;

use crate::store::Record;

/// Where this machine reaches the guest of `sandbox`, if one of the hosts below `directory` has given it a slot.
///
/// It takes no lock: what it tells may be over a moment later.
pub fn host_address_of(directory: &Path, sandbox: &SandboxId) -> Option<Ipv4Addr> {
    let hosts = fs::read_dir(directory).ok()?.flatten();
    let files = hosts
        .filter_map(|host| fs::read_dir(host.path()).ok())
        .flatten()
        .flatten();
    files
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter_map(|file| serde_json::from_slice::<Record>(&fs::read(file.path()).ok()?).ok())
        .find(|record| {
            record
                .owner
                .as_ref()
                .is_some_and(|owner| owner.sandbox == *sandbox)
        })
        .map(|record| record.host_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_found_by_its_sandbox_and_what_is_no_record_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("h1");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("lock"), "").unwrap();
        fs::write(host.join("1.json"), "half").unwrap();
        let record =
            r#"{"fingerprint":"1","host_address":"10.11.0.2","owner":{"sandbox":"a","generation":1}}"#;
        fs::write(host.join("2.json"), record).unwrap();
        let find = |id| host_address_of(folder.path(), &SandboxId::new(id).unwrap());
        assert_eq!(find("a"), Some(Ipv4Addr::new(10, 11, 0, 2)));
        assert_eq!(find("b"), None);
    }
}
