//! Versions as `firecracker --version` prints them.

use std::fmt;

/// A release number. A development build of a release counts as that release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl Version {
    /// Reads `Firecracker v1.16.1`, `1.16.1` or `v1.17.0-dev`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let word = line.split_ascii_whitespace().last()?.trim_start_matches('v');
        let release = word.split(['-', '+']).next()?;
        let mut numbers = release.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_firecracker_prints_is_understood() {
        let release = Version {
            major: 1,
            minor: 16,
            patch: 1,
        };
        for line in ["Firecracker v1.16.1", "1.16.1", "Firecracker v1.16.1-dev"] {
            assert_eq!(Version::parse(line), Some(release), "{line}");
        }
    }

    #[test]
    fn anything_else_is_not_a_version() {
        for line in ["", "Firecracker", "v1.16", "v1.16.1.2", "v1.x.1", "v99999.0.0"] {
            assert_eq!(Version::parse(line), None, "{line}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::parse("1.9.1") < Version::parse("1.16.1"));
    }
}
