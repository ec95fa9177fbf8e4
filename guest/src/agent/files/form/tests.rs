//! Forms written to real folders.

use std::fs;
use std::path::Path;

use futures::stream;

use super::*;
use crate::agent::actor::tests::actor;

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"";

/// Sends `body` in pieces of `size` bytes.
async fn receive(home: &Path, path: Option<&str>, body: &[u8], size: usize) -> Result<Vec<String>, Refusal> {
    let pieces: Vec<_> = body
        .chunks(size)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let mut incoming: Incoming = Box::pin(stream::iter(pieces));
    let actor = actor(home);
    let form = Form {
        actor: &actor,
        path,
        announced: Some(body.len() as u64),
        metadata: Metadata::new(),
    };
    let entries = form.receive(&mut incoming, "b".into()).await?;
    let text = serde_json::to_value(entries).unwrap();
    let paths = text
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["path"].as_str().unwrap().to_owned());
    Ok(paths.collect())
}

#[tokio::test]
async fn every_file_lands_where_its_name_says_however_it_is_cut() {
    let long = "x".repeat(5000);
    let body = format!(
        "preamble\r\n{HEAD}one.txt\"\r\n\r\n1\r\n--b \r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nignored\r\n\
         {HEAD}below/\u{e4} two.txt\"\r\nContent-Type: text/plain\r\n\r\n{long}\r\n--not\r\n\r\n--b--\r\nepilogue"
    );
    for size in [1, 2, 7, 64, 100_000] {
        let home = tempfile::tempdir().unwrap();
        let paths = receive(home.path(), None, body.as_bytes(), size).await.unwrap();
        let at = |name: &str| home.path().join(name);
        assert_eq!(
            paths,
            [at("one.txt"), at("below/\u{e4} two.txt")].map(|path| path.to_str().unwrap().to_owned()),
            "{size}"
        );
        assert_eq!(fs::read_to_string(at("one.txt")).unwrap(), "1");
        let two = fs::read_to_string(at("below/\u{e4} two.txt")).unwrap();
        assert!(two == format!("{long}\r\n--not\r\n"), "{size}");
    }
}

#[tokio::test]
async fn the_querys_path_beats_the_parts() {
    let home = tempfile::tempdir().unwrap();
    let body = format!("{HEAD}one.txt\"\r\n\r\n1\r\n--b--");
    receive(home.path(), Some("other"), body.as_bytes(), 64)
        .await
        .unwrap();
    assert_eq!(fs::read(home.path().join("other")).unwrap(), b"1");
    let nameless = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n1\r\n--b--";
    let refusal = receive(home.path(), None, nameless.as_bytes(), 64)
        .await
        .unwrap_err();
    assert!(matches!(refusal, Refusal::Invalid(_)), "{refusal}");
}

#[tokio::test]
async fn a_form_that_is_cut_off_leaves_no_half_of_a_file() {
    let home = tempfile::tempdir().unwrap();
    let body = format!("{HEAD}one.txt\"\r\n\r\n1\r\n{HEAD}two.txt\"\r\n\r\n22222");
    let refusal = receive(home.path(), None, body.as_bytes(), 16).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Broken(_)), "{refusal}");
    assert!(home.path().join("one.txt").exists() && !home.path().join("two.txt").exists());
    for cut in [0, 5, 30, 60] {
        assert!(
            receive(home.path(), None, &body.as_bytes()[..cut], 16)
                .await
                .is_err(),
            "{cut}"
        );
    }
}

#[tokio::test]
async fn the_same_path_twice_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let body = format!("{HEAD}one\"\r\n\r\n1\r\n{HEAD}./one\"\r\n\r\n2\r\n--b--");
    let refusal = receive(home.path(), None, body.as_bytes(), 64).await.unwrap_err();
    assert!(refusal.to_string().contains("the first was written"), "{refusal}");
    assert_eq!(fs::read(home.path().join("one")).unwrap(), b"1");
}

#[tokio::test]
async fn headers_without_an_end_are_not_gathered() {
    let home = tempfile::tempdir().unwrap();
    let endless = format!("--b\r\nX: {}", "x".repeat(4 << 20));
    for body in [endless.as_str(), &"y".repeat(4 << 20)] {
        let refusal = receive(home.path(), None, body.as_bytes(), 64 << 10)
            .await
            .unwrap_err();
        assert!(refusal.to_string().contains("headers"), "{refusal}");
    }
    // Of what is no file, any amount may come.
    let large = format!(
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n--b--",
        "z".repeat(4 << 20)
    );
    let paths = receive(home.path(), None, large.as_bytes(), 64 << 10)
        .await
        .unwrap();
    assert!(paths.is_empty());
}

#[test]
fn a_boundary_is_needed() {
    assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").unwrap(), "a b");
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for wrong in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/;",
        &long,
    ] {
        assert!(boundary(wrong).is_err(), "{wrong}");
    }
}
