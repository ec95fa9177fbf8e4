//! `Range: bytes=…`, RFC 9110 section 14.

use std::ops::Range;

use http::{HeaderMap, header};

use super::refusal::Refusal;

/// The part of a file of `length` bytes that is asked for; `None` is the whole.
///
/// Another unit, or several ranges at once, is passed over, as the RFC allows; a malformed range is refused.
pub(super) fn requested(headers: &HeaderMap, length: u64) -> Result<Option<Range<u64>>, Refusal> {
    let Some(value) = headers.get(header::RANGE) else {
        return Ok(None);
    };
    let refusal = Refusal::Range(length);
    let Ok(text) = value.to_str() else {
        return Err(refusal);
    };
    let Some((unit, ranges)) = text.split_once('=') else {
        return Err(refusal);
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Ok(None);
    }
    match parse(ranges.trim(), length) {
        Some(range) if !range.is_empty() => Ok(Some(range)),
        _ => Err(refusal),
    }
}

fn parse(range: &str, length: u64) -> Option<Range<u64>> {
    // Not by `str::parse` alone: it would take a sign.
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match range.split_once('-')? {
        ("", "") => None,
        ("", last) => Some(length.saturating_sub(number(last)?)..length),
        (first, "") => Some(number(first)?..length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(value: &str, length: u64) -> Result<Option<Range<u64>>, ()> {
        let headers = HeaderMap::from_iter([(header::RANGE, value.parse().unwrap())]);
        requested(&headers, length).map_err(|_| ())
    }

    #[test]
    fn parts_are_cut_to_the_file() {
        assert_eq!(ask("bytes=0-0", 10), Ok(Some(0..1)));
        assert_eq!(ask("bytes=2-5", 10), Ok(Some(2..6)));
        assert_eq!(ask("bytes=2-", 10), Ok(Some(2..10)));
        assert_eq!(ask("bytes=-3", 10), Ok(Some(7..10)));
        assert_eq!(ask("bytes=-30", 10), Ok(Some(0..10)));
        assert_eq!(ask("Bytes = 5-99999999999999999999999", 10), Ok(Some(5..10)));
    }

    #[test]
    fn what_the_file_does_not_have_is_refused() {
        for wrong in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=5-2",
            "bytes=-0",
            "bytes=--5",
            "bytes=-5-",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes=",
            "bytes=-",
            "bytes",
        ] {
            assert_eq!(ask(wrong, 10), Err(()), "{wrong}");
        }
        assert_eq!(ask("bytes=0-", 0), Err(()));
    }

    #[test]
    fn what_is_not_ours_to_serve_in_parts_is_served_whole() {
        for whole in ["lines=1-2", "bytes=0-1,3-4"] {
            assert_eq!(ask(whole, 10), Ok(None), "{whole}");
        }
        assert!(matches!(requested(&HeaderMap::new(), 10), Ok(None)));
    }
}
