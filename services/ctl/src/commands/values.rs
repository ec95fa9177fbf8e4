//! What options take: pairs, durations; and queries made of them.

use std::str::FromStr;

use jiff::{Span, SpanRelativeTo};
use serde_json::Value;

/// `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair(pub(super) String, pub(super) String);

impl From<Pair> for (String, String) {
    fn from(Pair(key, value): Pair) -> Self {
        (key, value)
    }
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err(format!("{text:?} is no pair: use KEY=VALUE")),
        }
    }
}

/// The longest time span that a sandbox or a program takes.
pub(super) const LASTING: &str = "7d";

/// A time span, such as `90`, which is seconds, `10m` or `1h 30m`; whole seconds, one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse::<u64>().ok().or_else(|| {
            let span: Span = text.parse().ok()?;
            let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            u64::try_from(span.as_secs())
                .ok()
                .filter(|_| span.subsec_nanos() == 0)
        });
        seconds.filter(|seconds| *seconds > 0).map(Self).ok_or_else(|| {
            format!("{text:?} is no time span: use seconds, or such as 90s, 10m, 2h or \"1d 12h\"")
        })
    }
}

/// Pairs as a JSON object.
pub(super) fn object(pairs: Vec<Pair>) -> Value {
    pairs
        .into_iter()
        .map(|Pair(key, value)| (key, Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Names and values as a URL's query.
pub(super) fn query<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_a_key() {
        assert_eq!("a=b=c".parse(), Ok(Pair("a".into(), "b=c".into())));
        assert_eq!("a=".parse(), Ok(Pair("a".into(), String::new())));
        assert!("=b".parse::<Pair>().is_err() && "a".parse::<Pair>().is_err());
    }

    #[test]
    fn time_spans_are_read() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("10m", 600),
            ("1h 30m", 5400),
            ("1d", 86_400),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for bad in ["", "0", "-5", "-5m", "1.5s", "soon", "10 parsecs"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(query([("metadata.a b", "1&2=3")]), "metadata.a+b=1%262%3D3");
    }
}
