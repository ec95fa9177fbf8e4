//! What a target says about when to come again: the header `Retry-After` of RFC 9110, section 10.2.3.

use std::time::Duration;

use hyper::header::RETRY_AFTER;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// For how long a target that cannot take anything now wants to be left alone. That one commit is not to its taste says
/// nothing of the others, so only the answers about all of them count.
pub(super) fn asked<B>(answer: &Response<B>) -> Option<Duration> {
    let about_all = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    if !about_all.contains(&answer.status()) {
        return None;
    }
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    pause(text.trim(), Timestamp::now())
}

/// Seconds, or a date in the format that mails have too.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = DateTimeParser::new().parse_timestamp(text).ok()?;
    then.duration_since(now).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        let now = "1999-12-31T23:58:59Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(60)),
            ("Fri, 31 Dec 1999 23:00:00 GMT", None),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999999", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_answers_about_everything_count() {
        let answer = |status: u16| {
            let answer = Response::builder().status(status).header(RETRY_AFTER, "7");
            asked(&answer.body(()).unwrap())
        };
        assert_eq!(answer(429), Some(Duration::from_secs(7)));
        assert_eq!(answer(503), answer(429));
        assert_eq!((answer(400), answer(500), answer(200)), (None, None, None));
    }
}
