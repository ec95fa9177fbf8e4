//! Requests for files, from head to body.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tempfile::TempDir;

use super::*;
use crate::agent::http::boxed;
use crate::agent::settings::Change;

/// A store in a folder of its own, and a place for files.
struct Place {
    folder: TempDir,
    store: Store,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("settings"));
        Self { folder, store }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn send(&self, method: Method, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/files?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = boxed(Full::from(body.to_vec()));
        let response = answer(request.body(body).unwrap(), &self.store).await;
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    async fn get(&self, name: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, &self.query(name), headers, b"").await
    }

    fn query(&self, name: &str) -> String {
        format!("path={}", self.at(name).display())
    }
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn message(&self) -> String {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(value["code"], self.status.as_u16());
        value["message"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn files_are_sent_whole_in_parts_and_not_again() {
    let place = Place::new();
    fs::write(place.at("a.txt"), "0123456789").unwrap();
    let whole = place.get("a.txt", &[]).await;
    assert_eq!(
        (whole.status, &whole.body[..]),
        (StatusCode::OK, &b"0123456789"[..])
    );
    assert_eq!(whole.header(header::CONTENT_LENGTH), "10");
    assert_eq!(whole.header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
    assert_eq!(
        whole.header(header::CONTENT_DISPOSITION),
        "inline; filename=a.txt"
    );

    let part = place.get("a.txt", &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"234"[..])
    );
    assert_eq!(part.header(header::CONTENT_RANGE), "bytes 2-4/10");
    for range in ["bytes=10-", "bytes=-0", "bytes=--3", "bytes=4-2"] {
        let beyond = place.get("a.txt", &[("range", range)]).await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(beyond.header(header::CONTENT_RANGE), "bytes */10");
        beyond.message();
    }

    let head = place.send(Method::HEAD, &place.query("a.txt"), &[], b"").await;
    assert_eq!((head.header(header::CONTENT_LENGTH), head.body.len()), ("10", 0));
    let tag = whole.header(header::ETAG);
    let known = place.get("a.txt", &[("if-none-match", tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    fs::write(place.at("a.txt"), "changed").unwrap();
    let changed = place
        .get("a.txt", &[("if-range", tag), ("range", "bytes=2-4")])
        .await;
    assert_eq!(
        (changed.status, &changed.body[..]),
        (StatusCode::OK, &b"changed"[..])
    );
}

#[tokio::test]
async fn gzip_travels_both_ways() {
    let place = Place::new();
    let text = (0..200_000).fold(String::new(), |text, number| text + &number.to_string() + "\n");
    for (name, size) in [("small", 500), ("middle", 50_000), ("large", text.len())] {
        fs::write(place.at(name), &text[..size]).unwrap();
        let answer = place.get(name, &[("accept-encoding", "gzip, deflate")]).await;
        if size < 1024 {
            assert_eq!(answer.header(header::CONTENT_ENCODING), "", "not worth it");
            continue;
        }
        assert_eq!(answer.header(header::CONTENT_ENCODING), "gzip");
        assert!(answer.body.len() < size / 2);
        let kind = ("content-type", "application/octet-stream");
        let encoding = ("content-encoding", "gzip");
        let query = place.query("back");
        let back = place
            .send(Method::POST, &query, &[kind, encoding], &answer.body)
            .await;
        assert_eq!(back.status, StatusCode::OK, "{back:?}");
        assert!(fs::read_to_string(place.at("back")).unwrap() == text[..size]);
        let cut = &answer.body[..answer.body.len() / 2];
        let cut = place
            .send(Method::POST, &place.query("cut"), &[kind, encoding], cut)
            .await;
        assert_eq!(cut.status, StatusCode::BAD_REQUEST, "{}", cut.message());
        assert!(!place.at("cut").exists());
    }
    let refused = place
        .get("large", &[("accept-encoding", "br, identity;q=0")])
        .await;
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn what_is_no_file_is_refused_in_e2bs_shape() {
    let place = Place::new();
    let missing = place.get("no", &[]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(
        missing.message(),
        format!("path '{}' does not exist", place.at("no").display())
    );
    assert_eq!(place.get("", &[]).await.status, StatusCode::BAD_REQUEST);
    for path in ["/dev/zero", "a%00b", "~other/x", &"x".repeat(300)] {
        let answer = place.send(Method::GET, &format!("path={path}"), &[], b"").await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{path}: {}",
            answer.message()
        );
    }
    let ghost = place
        .send(Method::GET, "path=/etc/passwd&username=ghost", &[], b"")
        .await;
    assert_eq!(ghost.status, StatusCode::UNAUTHORIZED);
    let method = place.send(Method::DELETE, "path=/etc/passwd", &[], b"").await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn uploads_answer_what_was_written() {
    let place = Place::new();
    let kind = ("content-type", "application/octet-stream");
    let query = place.query("new/a.txt");
    let written = place.send(Method::POST, &query, &[kind], b"text").await;
    let expected = serde_json::json!([{ "path": place.at("new/a.txt"), "name": "a.txt", "type": "file" }]);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&written.body).unwrap(),
        expected
    );
    assert_eq!(fs::read(place.at("new/a.txt")).unwrap(), b"text");

    let form = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n1\r\n--b--\r\n";
    let multipart = ("content-type", "multipart/form-data; boundary=b");
    let written = place
        .send(Method::POST, &place.query("b"), &[multipart], form)
        .await;
    assert_eq!(written.status, StatusCode::OK, "{written:?}");
    assert_eq!(fs::read(place.at("b")).unwrap(), b"1");

    for headers in [
        vec![],
        vec![("content-type", "text/plain")],
        vec![("content-type", "multipart/form-data")],
        vec![kind, ("content-encoding", "br")],
        vec![kind, ("x-metadata-a", "\u{e4}")],
    ] {
        let refused = place
            .send(Method::POST, &place.query("c"), &headers, b"text")
            .await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{headers:?}: {}",
            refused.message()
        );
    }
    assert_eq!(
        place.send(Method::POST, "", &[kind], b"text").await.status,
        StatusCode::BAD_REQUEST
    );
    let huge = place
        .send(
            Method::POST,
            &place.query("a"),
            &[kind, ("content-length", "1000000000000000")],
            b"",
        )
        .await;
    assert_eq!(
        huge.status,
        StatusCode::INSUFFICIENT_STORAGE,
        "{}",
        huge.message()
    );
}

#[tokio::test]
async fn with_a_token_files_ask_for_it_or_a_signature() {
    let place = Place::new();
    let change = Change {
        access_token: Some("secret".into()),
        ..Change::default()
    };
    place.store.change(change).unwrap();
    fs::write(place.at("a"), "text").unwrap();
    let refused = place.get("a", &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.message();
    assert_eq!(
        place.get("a", &[("x-access-token", "secret")]).await.status,
        StatusCode::OK
    );
    let wrong = format!("{}&signature=v1_x", place.query("a"));
    assert_eq!(
        place.send(Method::GET, &wrong, &[], b"").await.status,
        StatusCode::UNAUTHORIZED
    );
}
