//! What a restored guest is told about itself.

use serde::Deserialize;

use super::entropy::Entropy;
use super::machine_id::MachineId;
use crate::names::Hostname;

/// `restored` in the body of `/init`. It is checked as it is read, so that nothing has changed when a part is refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::agent) struct Identity {
    /// The machine's name: the sandbox's id.
    pub(super) hostname: Hostname,
    /// The machine's id, the same whenever this sandbox wakes.
    pub(super) machine_id: MachineId,
    /// What no other guest has.
    pub(super) entropy: Entropy,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hostname: &str, machine_id: &str, entropy: &str) -> serde_json::Result<Identity> {
        let body = serde_json::json!({"hostname": hostname, "machineId": machine_id, "entropy": entropy});
        serde_json::from_value(body)
    }

    #[test]
    fn every_part_is_checked() {
        let id = "0123456789abcdef0123456789abcdef";
        let seed = "A".repeat(64);
        assert!(read("sb1", id, &seed).is_ok());
        for (hostname, machine_id, entropy) in [
            ("", id, seed.as_str()),
            ("../sb", id, &seed),
            ("sb1", "", &seed),
            ("sb1", "0123", &seed),
            ("sb1", &id.to_uppercase(), &seed),
            ("sb1", &"0".repeat(32), &seed),
            ("sb1", &"g".repeat(32), &seed),
            ("sb1", id, ""),
            ("sb1", id, "AAAA"),
            (
                "sb1",
                id,
                "not base64, though long enough to be a seed of its own",
            ),
            ("sb1", id, &"A".repeat(4096)),
        ] {
            let error = read(hostname, machine_id, entropy).unwrap_err();
            assert!(!error.to_string().contains("AAAA"), "it tells a secret: {error}");
        }
        assert!(serde_json::from_str::<Identity>(r#"{"hostname":"sb1"}"#).is_err());
    }
}
