//! The place in a list where a page ends, as clients carry it from one request to the next.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use roost_schemas::{SandboxId, Timestamp};

/// Which sandboxes come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// The newest.
    #[default]
    Descending,
    /// The oldest.
    Ascending,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::Descending => "desc",
            Self::Ascending => "asc",
        }
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Descending, Self::Ascending]
            .into_iter()
            .find(|order| order.as_str() == text)
            .ok_or(())
    }
}

/// The last sandbox of a page, which need not be there any more when the next one is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) order: Order,
    pub(super) started: Timestamp,
    pub(super) id: SandboxId,
}

impl Cursor {
    /// Whether a sandbox comes after this place.
    pub(super) fn precedes(&self, started: Timestamp, id: &SandboxId) -> bool {
        // Of those that started together, the ascending order is the descending one reversed.
        match self.order {
            Order::Descending => started < self.started || (started == self.started && *id > self.id),
            Order::Ascending => started > self.started || (started == self.started && *id < self.id),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{}.{}", self.order.as_str(), self.started.0, self.id);
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(token: &str) -> Result<Self, ()> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(drop)?;
        let text = String::from_utf8(bytes).map_err(drop)?;
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        Ok(Self {
            order: part()?.parse()?,
            started: Timestamp(part()?.parse().map_err(drop)?),
            id: SandboxId::new(part()?).map_err(drop)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_reads() {
        let cursor = Cursor {
            order: Order::Ascending,
            started: Timestamp(17),
            id: SandboxId::new("sb1").unwrap(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        for bad in [
            "",
            "sb1",
            "%",
            &encode("desc.1"),
            &encode("up.1.sb1"),
            &encode("asc.-1.sb1"),
            &encode("asc.1.SB"),
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(()), "{bad:?}");
        }
    }
}
