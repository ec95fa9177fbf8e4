//! A tenant's API key as its holder has it: `e2b_` and 40 hex digits, the form that E2B's SDKs ask for.

use std::fmt;

use rustix::rand::{GetRandomFlags, getrandom};

/// What every key begins with.
const PREFIX: &str = "e2b_";
/// Random bytes of a key: 160 bits.
const RANDOM: usize = 20;

/// A key; shows itself to nobody unasked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A new one, which nobody can guess.
    pub(crate) fn random() -> Result<Self, rustix::io::Errno> {
        let mut bytes = [0; RANDOM];
        // So few come whole, once the kernel's generator is seeded (getrandom(2)).
        getrandom(&mut bytes, GetRandomFlags::empty())?;
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        Ok(Self(PREFIX.chars().map(String::from).chain(digits).collect()))
    }

    /// Reads one; nothing if it has not the form.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let digits = text.strip_prefix(PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 2 * RANDOM && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The key, for its hash and for the one answer that tells it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_have_the_form_and_differ() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(Secret::parse(one.as_str().as_bytes()), Some(one.clone()));
        assert!(!format!("{one:?}").contains(&one.as_str()[4..]));
    }

    #[test]
    fn what_has_another_form_is_none() {
        let digits = "0123456789abcdef0123456789abcdef01234567";
        assert!(Secret::parse(format!("e2b_{digits}").as_bytes()).is_some());
        for bad in [
            String::new(),
            "e2b_".to_owned(),
            digits.to_owned(),
            format!("e2b_{}", &digits[1..]),
            format!("e2b_{digits}0"),
            format!("e2b_{}", digits.to_uppercase()),
            format!("E2B_{digits}"),
            format!(" e2b_{digits}"),
            format!("e2b_{}é", &digits[2..]),
        ] {
            assert_eq!(Secret::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Secret::parse(b"e2b_\xff"), None);
    }
}
