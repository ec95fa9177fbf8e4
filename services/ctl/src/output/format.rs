//! Figures, times and strangers' texts as people read them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// How long ago an RFC 3339 time was, in its largest unit; the text itself if it is none.
pub(crate) fn age(at: &str, now: Timestamp) -> String {
    at.parse::<Timestamp>()
        .map_or_else(|_| at.to_owned(), |at| span(now.duration_since(at)))
}

/// How long it is until an RFC 3339 time, in its largest unit; the text itself if it is none.
pub(crate) fn until(at: &str, now: Timestamp) -> String {
    at.parse::<Timestamp>()
        .map_or_else(|_| at.to_owned(), |at| span(at.duration_since(now)))
}

fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// An amount of bytes in binary units.
pub(crate) fn bytes(amount: u64) -> String {
    indicatif::BinaryBytes(amount).to_string()
}

/// Labels as they are given, in one cell.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    let each: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    each.join(" ")
}

/// A text with its control characters spelt out: what sandboxes, their files and their programs are called is up to
/// strangers.
pub(crate) fn visible(text: &str) -> String {
    let spell = |c: char| {
        let steers = c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let (spelt, plain) = if steers {
            (Some(c.escape_default()), None)
        } else {
            (None, Some(c))
        };
        spelt.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2026-01-01T23:59:30Z", "30s"),
            ("2026-01-01T23:50:00Z", "10m"),
            ("2026-01-01T12:00:00Z", "12h"),
            ("2025-12-23T00:00:00Z", "10d"),
            ("2026-01-02T00:00:01Z", "0s"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(age(at, now), expected, "{at}");
        }
        assert_eq!(until("2026-01-02T00:05:00Z", now), "5m");
    }

    #[test]
    fn what_steers_a_terminal_is_spelt_out() {
        assert_eq!(visible("plain, größer, 日本"), "plain, größer, 日本");
        assert_eq!(visible("\u{1b}]0;x\u{7}"), "\\u{1b}]0;x\\u{7}");
        assert_eq!(visible("a\tb\u{202e}c"), "a\\tb\\u{202e}c");
    }
}
