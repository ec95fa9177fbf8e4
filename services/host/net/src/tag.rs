//! The name of one host instance, by which its slots are told from those of other instances on the machine.

use std::fmt;
use std::str::FromStr;

use roost_schemas::HostId;

/// A host instance's tag: 1 to 40 characters of `a-z`, `0-9`, `-` and `_`, starting with a letter or digit.
///
/// It names the instance's nftables table and its folder and is written on its links. Two pools with one tag cannot be
/// open at once; pools with different tags share a machine without touching each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

/// A tag that nftables or the file system could misread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("host tag {0:?} is not 1 to 40 characters of a-z, 0-9, - and _ that start with a letter or digit")]
pub struct BadTag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The interface group of this instance's host-side links (`IFLA_GROUP`).
    ///
    /// The kernel sets it in the same call that creates a link, so a link is never without its owner, and a firewall
    /// rule by group needs no upkeep as slots come and go. FNV-1a with the top bit set: administrators pick small
    /// group numbers, so the two never meet.
    pub fn link_group(&self) -> u32 {
        let hash = self.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash | 0x8000_0000
    }

    /// Name of this instance's nftables table on the host.
    pub fn table(&self) -> String {
        format!("roost_{}", self.0)
    }

    /// What `ip link` shows as the alias of this instance's links, for a person's eyes.
    pub fn link_alias(&self) -> String {
        format!("roost {}", self.0)
    }
}

impl FromStr for Tag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let allowed = |byte: u8| plain(byte) || byte == b'-' || byte == b'_';
        if (1..=40).contains(&text.len()) && plain(text.as_bytes()[0]) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadTag(text.to_owned()))
        }
    }
}

impl From<&HostId> for Tag {
    /// A host id is a tag already: its rule is the narrower one.
    fn from(host: &HostId) -> Self {
        Self(host.as_str().to_owned())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_tags() {
        for good in ["a", "h1", "demo_7f3a", "host-1"] {
            assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
        }
        for bad in ["", "A", "-a", "_a", "../x", "a b", &"a".repeat(41), "ä"] {
            assert_eq!(bad.parse::<Tag>(), Err(BadTag(bad.to_owned())));
        }
    }

    #[test]
    fn groups_stay_clear_of_hand_picked_numbers() {
        for tag in ["a", "b", "h1", "demo"] {
            assert!(tag.parse::<Tag>().unwrap().link_group() >= 0x8000_0000);
        }
    }
}
