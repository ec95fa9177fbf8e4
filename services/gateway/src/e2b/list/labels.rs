//! The filter by metadata: `key=value` pairs, each part percent-encoded once more than a query's value is.

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Reads the pairs of a query's value, which was decoded once already.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let wrong = || {
        ApiError::invalid(format!(
            "query metadata is {text:?}: use key=value pairs joined by &, each part percent-encoded"
        ))
    };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let decode = |part: &str| -> Result<String, ApiError> {
        let part = percent_decode_str(part).decode_utf8().map_err(|_| wrong())?;
        Ok(part.into_owned())
    };
    pairs
        .iter()
        .map(|(key, value)| Ok((decode(key)?, decode(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sdks_encode_is_what_was_meant() {
        // Encoded twice here; the query's own decoding took the third layer off.
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(parse("a=b&c=d"), Ok(vec![pair("a", "b"), pair("c", "d")]));
        assert_eq!(parse("a%2520b=100%2525"), Ok(vec![pair("a b", "100%")]));
        assert_eq!(parse("k=a%253Db%2526c%252Bd"), Ok(vec![pair("k", "a=b&c+d")]));
        assert_eq!(parse("k=%25C3%25A9"), Ok(vec![pair("k", "é")]));
        assert_eq!(parse("k="), Ok(vec![pair("k", "")]));
        assert_eq!(parse(""), Ok(vec![]));
        assert!(parse("k=%25FF").is_err());
    }
}
