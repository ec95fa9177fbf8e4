//! Names in DNS that a policy allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes of a name and of one of its labels (RFC 1035, 2.3.4).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// One name (`example.com`), or all names below one (`*.example.com`, which is not `example.com` itself).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    /// In lower case, without a dot at its end.
    name: String,
    below: bool,
}

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a name: write it as example.com or *.example.com, and what is not ASCII as DNS has it (xn--…)"
)]
pub struct InvalidName {
    text: String,
}

impl NamePattern {
    /// Whether it covers `name`, in whatever case and with or without a dot at its end.
    pub fn covers(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        if !self.below {
            return name.eq_ignore_ascii_case(&self.name);
        }
        let Some(split) = name.len().checked_sub(self.name.len()) else {
            return false;
        };
        let (above, end) = name.as_bytes().split_at(split);
        end.eq_ignore_ascii_case(self.name.as_bytes()) && above.len() > 1 && above.ends_with(b".")
    }
}

impl FromStr for NamePattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let below = text.strip_prefix("*.");
        let name = below.unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > LONGEST || !name.split('.').all(is_label) || is_number(name) {
            return Err(InvalidName {
                text: text.to_owned(),
            });
        }
        Ok(Self {
            name: name.to_ascii_lowercase(),
            below: below.is_some(),
        })
    }
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// No top-level domain is a number, so this is an address that was mistyped.
fn is_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit())
}

impl TryFrom<String> for NamePattern {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(f, "{below}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_covers_itself_alone() {
        let one = pattern("Example.COM.");
        assert_eq!(one.to_string(), "example.com");
        for name in ["example.com", "EXAMPLE.com."] {
            assert!(one.covers(name), "{name}");
        }
        for name in ["a.example.com", "badexample.com", "example.com.evil.net", "", "."] {
            assert!(!one.covers(name), "{name}");
        }
    }

    #[test]
    fn a_star_covers_what_is_below_at_any_depth() {
        let below = pattern("*.example.com");
        assert_eq!(below.to_string(), "*.example.com");
        for name in ["a.example.com", "b.a.Example.com."] {
            assert!(below.covers(name), "{name}");
        }
        for name in [
            "example.com",
            ".example.com",
            "aexample.com",
            "a.example.com.net",
            "com",
            "ä",
        ] {
            assert!(!below.covers(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let label = "a".repeat(64);
        let long = ["abcdefg."; 32].concat() + "com";
        for bad in [
            "", ".", "*", "*.", "a..b", "-a.com", "a-.com", "a b.com", "ä.com", "*.*.com", "a.*.com",
            "1.2.3.4", "1.2.3", "a.1", "a/b", "a:1", &label, &long,
        ] {
            let error = bad.parse::<NamePattern>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        for good in [
            "localhost",
            "_dmarc.example.com",
            "xn--bcher-kva.example",
            "3com.com",
        ] {
            assert_eq!(pattern(good).to_string(), good);
        }
    }
}
