//! How often a quiet stream says that it is still there.

use std::time::Duration;

use http::HeaderMap;
use roost_schemas::envd::KEEPALIVE_HEADER;

const DEFAULT: u64 = 90;
/// Nobody needs less; more than a day is as good as never.
const RANGE: (u64, u64) = (1, 86_400);

/// The asked time between keepalive events; what is not a number counts as not asked.
pub(super) fn interval(headers: &HeaderMap) -> Duration {
    let asked = headers
        .get(KEEPALIVE_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let (least, most) = RANGE;
    Duration::from_secs(asked.unwrap_or(DEFAULT).clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_bounded_and_has_a_default() {
        let interval = |value: &str| {
            let name = http::HeaderName::from_static(KEEPALIVE_HEADER);
            interval(&HeaderMap::from_iter([(name, value.parse().unwrap())])).as_secs()
        };
        assert_eq!(
            (
                interval("50"),
                interval("0"),
                interval("999999"),
                interval("soon")
            ),
            (50, 1, 86_400, 90)
        );
        assert_eq!(super::interval(&HeaderMap::new()).as_secs(), 90);
    }
}
