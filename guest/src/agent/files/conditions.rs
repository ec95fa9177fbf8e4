//! `ETag`, `Last-Modified` and the conditions on them, RFC 9110 section 13.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Tells one state of a file from another.
#[derive(Debug, Clone)]
pub(super) struct Version {
    tag: String,
    modified: Option<SystemTime>,
}

impl Version {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            tag: format!(
                "\"{:x}-{:x}.{:x}-{:x}\"",
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.size()
            ),
            modified: metadata.modified().ok(),
        }
    }

    /// Whether the client has this version already. A tag that is given counts, and no date beside it.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        match text(headers, &header::IF_NONE_MATCH) {
            Some(tags) => tags
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == "*" || tag == self.tag),
            None => date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|known| self.is_from(known)),
        }
    }

    /// Whether a part of this version continues what the client has: always, unless it asks by `If-Range`.
    pub(super) fn continues(&self, headers: &HeaderMap) -> bool {
        match text(headers, &header::IF_RANGE) {
            None => true,
            Some(tag) if tag.starts_with('"') => tag == self.tag,
            Some(_) => date(headers, &header::IF_RANGE).is_some_and(|known| self.is_from(known)),
        }
    }

    /// Writes what the client may come back with.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Ok(tag) = HeaderValue::try_from(&self.tag) {
            headers.insert(header::ETAG, tag);
        }
        let modified = self.modified.filter(|at| *at >= SystemTime::UNIX_EPOCH);
        if let Some(Ok(modified)) = modified.map(|at| httpdate::fmt_http_date(at).try_into()) {
            headers.insert(header::LAST_MODIFIED, modified);
        }
    }

    /// Whether the file has not changed since; dates in headers are whole seconds.
    fn is_from(&self, known: SystemTime) -> bool {
        self.modified
            .is_some_and(|at| at < known + Duration::from_secs(1))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> Version {
        Version {
            tag: "\"1-2.3-4\"".into(),
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900)),
        }
    }

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_client_that_has_this_version_is_told_so() {
        let known = |name, value| version().is_known(&with(name, value));
        assert!(known(header::IF_NONE_MATCH, "\"x\", W/\"1-2.3-4\""));
        assert!(known(header::IF_NONE_MATCH, "*"));
        assert!(!known(header::IF_NONE_MATCH, "\"x\""));
        assert!(known(header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT"));
        assert!(!known(header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT"));
        assert!(!known(header::IF_MODIFIED_SINCE, "yesterday"));
        assert!(!version().is_known(&HeaderMap::new()));
    }

    #[test]
    fn a_part_is_only_of_the_version_that_was_begun() {
        let continues = |value| version().continues(&with(header::IF_RANGE, value));
        assert!(continues("\"1-2.3-4\"") && continues("Tue, 14 Nov 2023 22:13:20 GMT"));
        assert!(!continues("\"x\"") && !continues("W/\"1-2.3-4\"") && !continues("soon"));
        assert!(version().continues(&HeaderMap::new()));
    }

    #[test]
    fn a_file_is_told_by_tag_and_date() {
        let mut headers = HeaderMap::new();
        version().tell(&mut headers);
        assert_eq!(headers[header::ETAG], "\"1-2.3-4\"");
        assert_eq!(headers[header::LAST_MODIFIED], "Tue, 14 Nov 2023 22:13:20 GMT");
    }
}
