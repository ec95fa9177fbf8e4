//! Where a piece of work stands in its trace, as that travels with it: HTTP → command → host → guest.
//!
//! The text is the `traceparent` of W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context/#traceparent-header>):
//! `00-<trace id, 32 hex>-<span id, 16 hex>-<flags, 2 hex>`. It has the same name as a header of HTTP and of a command.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use uuid::Uuid;

/// The header's name.
pub const HEADER: &str = "traceparent";

/// Characters of version 00.
const LENGTH: usize = 55;
/// The only flag of version 00: somebody may have recorded the span.
const SAMPLED: u8 = 1;

/// The id of all that one request leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub NonZeroU128);

impl TraceId {
    /// A new one.
    pub fn random() -> Self {
        // The version in a v4 UUID makes it other than zero.
        Self(NonZeroU128::new(Uuid::new_v4().as_u128()).unwrap_or(NonZeroU128::MIN))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let id = hex(text, 32).and_then(NonZeroU128::new);
        id.map(Self).ok_or(InvalidTrace)
    }
}

/// The id of one piece of that work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub NonZeroU64);

impl SpanId {
    /// A new one.
    pub fn random() -> Self {
        // The variant in the lower half of a UUID makes it other than zero.
        let (_, low) = Uuid::new_v4().as_u64_pair();
        Self(NonZeroU64::new(low).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A span as the next process knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// What it belongs to.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
}

/// Why a text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: 00-<32 hex>-<16 hex>-<2 hex> in lower case, the ids other than zero")]
pub struct InvalidTrace;

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace,
            self.span,
            u8::from(self.sampled)
        )
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTrace;

    /// Reads version 00, and of a later one what it has in common with it, as the specification asks.
    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let (known, rest) = text.split_at_checked(LENGTH).ok_or(InvalidTrace)?;
        let mut parts = known.split('-');
        let mut part = || parts.next().ok_or(InvalidTrace);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        let version = hex(version, 2)
            .filter(|version| *version != 0xff)
            .ok_or(InvalidTrace)?;
        if parts.next().is_some() || !(rest.is_empty() || version > 0 && rest.starts_with('-')) {
            return Err(InvalidTrace);
        }
        let span = hex(span, 16).and_then(|span| NonZeroU64::new(u64::try_from(span).ok()?));
        let flags = hex(flags, 2).ok_or(InvalidTrace)?;
        Ok(Self {
            trace: trace.parse()?,
            span: SpanId(span.ok_or(InvalidTrace)?),
            sampled: flags & u128::from(SAMPLED) != 0,
        })
    }
}

/// The number that exactly `digits` lower-case hexadecimal digits stand for.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the specification.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_specifications_example_is_read_and_written() {
        let read: TraceParent = EXAMPLE.parse().unwrap();
        assert!(read.sampled);
        assert_eq!(read.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.to_string(), EXAMPLE);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = EXAMPLE.replacen("00", "cc", 1);
        for text in [later.clone(), format!("{later}-what-the-future-will-be-like")] {
            assert_eq!(text.parse(), EXAMPLE.parse::<TraceParent>(), "{text}");
        }
        assert!(format!("{later}.what").parse::<TraceParent>().is_err());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let zeros = |count| "0".repeat(count);
        for text in [
            String::new(),
            EXAMPLE.to_uppercase(),
            EXAMPLE.replacen("00", "ff", 1),
            format!("{EXAMPLE}-00"),
            EXAMPLE[..54].to_owned(),
            EXAMPLE.replace('-', "_"),
            format!("00-{}-00f067aa0ba902b7-01", zeros(32)),
            format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", zeros(16)),
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            "é".repeat(LENGTH),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTrace), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let (trace, span) = (NonZeroU128::new(trace).unwrap(), NonZeroU64::new(span).unwrap());
            let parent = TraceParent { trace: TraceId(trace), span: SpanId(span), sampled };
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<TraceParent>();
        }
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(TraceId::random(), TraceId::random());
        assert_ne!(SpanId::random(), SpanId::random());
    }
}
