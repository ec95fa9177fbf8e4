//! The service's answers, request by request.

use super::*;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

/// A service with a document, at one moment.
struct Asked {
    metadata: Metadata,
    tokens: Tokens,
    now: Instant,
}

impl Asked {
    fn v2() -> Self {
        let document = json!({
            "name": {"first": "Ada"},
            "age": 36,
            "list": ["a"],
            "a/b": "slash",
        });
        Self {
            metadata: Metadata {
                version: MmdsVersion::V2,
                always_text: false,
                document,
            },
            tokens: Tokens::new(),
            now: Instant::now(),
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String, HeaderMap) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = answer(&request.body(()).unwrap(), &self.metadata, &self.tokens, self.now);
        let (parts, body) = answer.into_parts();
        let body = futures_now(body);
        (parts.status.as_u16(), body, parts.headers)
    }

    fn token(&self) -> String {
        let (status, token, _) = self.ask("PUT", TOKEN_PATH, &[(LIFETIME[0], "60")]);
        assert_eq!(status, 200);
        token
    }

    fn get(&self, path: &str, accept: &str) -> (u16, String) {
        let headers = [(TOKEN[0], &*self.token()), ("accept", accept)];
        let (status, body, _) = self.ask("GET", path, &headers);
        (status, body)
    }
}

fn futures_now(body: Full<Bytes>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_document_is_told_whole_and_in_parts_in_both_formats() {
    let service = Asked::v2();
    for (path, accept, expected) in [
        ("/name", "application/json", (200, r#"{"first":"Ada"}"#)),
        ("/name/", "application/json", (200, r#"{"first":"Ada"}"#)),
        ("//name///first", "application/json", (200, r#""Ada""#)),
        ("/name/first", "text/plain", (200, "Ada")),
        ("/name", "*/*", (200, "first")),
        ("/age", "application/json", (200, "36")),
        ("/list/0", "text/plain", (200, "a")),
        ("/a~1b", "text/plain", (200, "slash")),
        ("/", "", (200, "a/b\nage\nlist\nname/")),
    ] {
        let (status, body) = service.get(path, accept);
        assert_eq!((status, body.as_str()), expected, "{path} as {accept}");
    }
    assert_eq!(service.get("/age", "").0, 501);
    let missing = service.get("/nothing", "");
    assert_eq!(missing, (404, "Resource not found: /nothing.".to_owned()));
}

#[test]
fn compatible_with_ec2_means_text_always() {
    let mut service = Asked::v2();
    service.metadata.always_text = true;
    assert_eq!(
        service.get("/name", "application/json"),
        (200, "first".to_owned())
    );
}

#[test]
fn before_data_are_put_the_document_is_null() {
    let mut service = Asked::v2();
    service.metadata.document = Value::Null;
    assert_eq!(service.get("/", "application/json"), (200, "null".to_owned()));
    assert_eq!(service.get("/name", "application/json").0, 404);
}

#[test]
fn version_2_needs_a_token_that_was_issued_and_has_not_expired() {
    let mut service = Asked::v2();
    let (status, why, _) = service.ask("GET", "/", &[]);
    assert!(
        status == 401 && why.starts_with("No MMDS token provided."),
        "{why}"
    );
    let (status, why, _) = service.ask("GET", "/", &[(TOKEN[0], "forged")]);
    assert_eq!((status, why.as_str()), (401, "MMDS token not valid."));

    let token = service.token();
    assert_eq!(service.ask("GET", "/", &[(TOKEN[1], &token)]).0, 200);
    service.now += Duration::from_secs(61);
    assert_eq!(service.ask("GET", "/", &[(TOKEN[0], &token)]).0, 401);
    service.metadata.version = MmdsVersion::V1;
    assert_eq!(service.ask("GET", "/", &[]).0, 200);
}

#[test]
fn a_token_is_issued_for_a_bounded_lifetime_which_is_told_back() {
    let service = Asked::v2();
    for name in LIFETIME {
        let (status, _, headers) = service.ask("PUT", "//latest/api//token", &[(name, "21600")]);
        assert_eq!((status, headers[name].to_str().unwrap()), (200, "21600"));
    }
    for (headers, words) in [
        (&[][..], "lifetime"),
        (&[(LIFETIME[0], "0")][..], "between 1 and 21600"),
        (&[(LIFETIME[0], "21601")], "21601"),
        (&[(LIFETIME[0], "-1")], "Invalid value"),
        (&[(LIFETIME[0], "soon")], "Value:soon"),
        (
            &[(LIFETIME[0], "60"), ("X-Forwarded-For", "203.0.113.7")],
            FORWARDED,
        ),
    ] {
        let (status, why, _) = service.ask("PUT", TOKEN_PATH, headers);
        assert!(status == 400 && why.contains(words), "{status} {why}");
    }
    assert_eq!(service.ask("PUT", "/token", &[(LIFETIME[0], "60")]).0, 404);
}

#[test]
fn other_methods_are_refused_with_those_that_are_not() {
    let service = Asked::v2();
    for method in ["POST", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
        let (status, _, headers) = service.ask(method, "/", &[]);
        assert_eq!((status, headers[ALLOW].to_str().unwrap()), (405, "GET, PUT"));
    }
}

proptest! {
    #[test]
    fn no_path_or_header_panics(path in "/[ -~]{0,40}", value in "[ -~]{0,40}", method in "GET|PUT|POST") {
        let service = Asked::v2();
        let uri: Result<hyper::Uri, _> = path.parse();
        if uri.is_ok() {
            let names = [TOKEN[0], LIFETIME[0], "accept"];
            service.ask(&method, &path, &names.map(|name| (name, value.as_str())));
        }
    }
}
