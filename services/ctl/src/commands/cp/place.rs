//! What `cp` copies from and to.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// One end of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `-`: standard input or output.
    Standard,
    /// A path on this machine.
    Here(PathBuf),
    /// A path in a sandbox.
    There { sandbox: String, path: String },
}

impl FromStr for Place {
    type Err = Infallible;

    /// What could be a sandbox's id before the first colon is one; `./` in front makes a path of it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_id = |id: &str| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        Ok(match text.split_once(':') {
            _ if text == "-" => Self::Standard,
            Some((sandbox, path)) if is_id(sandbox) => Self::There {
                sandbox: sandbox.to_owned(),
                // The user's home.
                path: if path.is_empty() { "." } else { path }.to_owned(),
            },
            _ => Self::Here(text.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_told_apart() {
        let there = |sandbox: &str, path: &str| Place::There {
            sandbox: sandbox.to_owned(),
            path: path.to_owned(),
        };
        for (text, expected) in [
            ("-", Place::Standard),
            ("a.txt", Place::Here("a.txt".into())),
            ("./a:b", Place::Here("./a:b".into())),
            ("C:\\x", Place::Here("C:\\x".into())),
            ("ab1:/tmp/x", there("ab1", "/tmp/x")),
            ("ab1:x:y", there("ab1", "x:y")),
            ("ab1:", there("ab1", ".")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }
}
