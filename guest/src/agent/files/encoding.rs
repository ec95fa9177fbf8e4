//! `Accept-Encoding` and `Content-Encoding`: identity or gzip.

use http::{HeaderMap, HeaderName, header};

use super::refusal::Refusal;

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// The encoding a client likes best, RFC 9110 section 12.5.3; identity when it cannot tell. With `plain`, gzip is out of
/// question: a part of a file is a part of its own bytes.
pub(super) fn accepted(headers: &HeaderMap, plain: bool) -> Result<Encoding, Refusal> {
    let mut identity = None;
    let mut gzip = None;
    let mut any = None;
    for (coding, weight) in text(headers, &header::ACCEPT_ENCODING).flat_map(items) {
        let place = match coding.to_ascii_lowercase().as_str() {
            "identity" => &mut identity,
            "gzip" | "x-gzip" => &mut gzip,
            "*" => &mut any,
            _ => continue,
        };
        place.get_or_insert(weight);
    }
    // `*` speaks for what is not named, but a client that names nothing else is content with identity.
    let gzip = gzip.or(any.filter(|_| identity == Some(0))).unwrap_or(0);
    let identity = identity.unwrap_or(any.unwrap_or(1));
    if !plain && gzip > 0 && gzip >= identity {
        Ok(Encoding::Gzip)
    } else if identity > 0 {
        Ok(Encoding::Identity)
    } else {
        Err(Refusal::NotAcceptable)
    }
}

/// How a request's body was encoded.
pub(super) fn of_body(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let mut encoding = Encoding::Identity;
    for coding in text(headers, &header::CONTENT_ENCODING).flat_map(|value| value.split(',')) {
        match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" if encoding == Encoding::Identity => encoding = Encoding::Gzip,
            other => {
                return Err(Refusal::Invalid(format!(
                    "content encoding {other:?} is not known here, or is there twice; send identity or gzip"
                )));
            }
        }
    }
    Ok(encoding)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

/// Codings with their weights in thousandths; a weight that cannot be read is 1.
fn items(value: &str) -> impl Iterator<Item = (&str, u16)> {
    value.split(',').filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let coding = parts.next().filter(|coding| !coding.is_empty())?;
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1000, thousandths);
        Some((coding, weight))
    })
}

/// RFC 9110: `0` or `1`, with at most three decimals.
fn thousandths(weight: &str) -> u16 {
    match weight.split_once('.').unwrap_or((weight, "")) {
        ("0", decimals) if decimals.len() <= 3 => format!("{decimals:0<3}").parse().unwrap_or(1000),
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str, plain: bool) -> Result<Encoding, ()> {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
        accepted(&headers, plain).map_err(|_| ())
    }

    #[test]
    fn the_client_decides_by_names_and_weights() {
        for (value, encoding) in [
            ("gzip", Encoding::Gzip),
            ("GZIP, deflate, br", Encoding::Gzip),
            ("deflate", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("gzip;q=0.5, identity", Encoding::Identity),
            ("gzip;q=0", Encoding::Identity),
            ("identity;q=0.2, gzip;q=0.30", Encoding::Gzip),
            ("*", Encoding::Identity),
            ("identity;q=0, *", Encoding::Gzip),
            ("", Encoding::Identity),
        ] {
            assert_eq!(accept(value, false), Ok(encoding), "{value}");
        }
        assert_eq!(accepted(&HeaderMap::new(), false).unwrap(), Encoding::Identity);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        for value in ["identity;q=0", "*;q=0", "br, identity;q=0"] {
            assert_eq!(accept(value, false), Err(()), "{value}");
        }
        assert_eq!(accept("gzip", true), Ok(Encoding::Identity));
        assert_eq!(accept("gzip, identity;q=0", true), Err(()));
    }

    #[test]
    fn bodies_may_be_gzipped_once() {
        let body = |value: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, value.parse().unwrap())]);
            of_body(&headers).map_err(|_| ())
        };
        assert_eq!(body("gzip"), Ok(Encoding::Gzip));
        assert_eq!(body("identity"), Ok(Encoding::Identity));
        for wrong in ["br", "gzip, gzip", "gzip, br"] {
            assert_eq!(body(wrong), Err(()), "{wrong}");
        }
    }
}
