//! Files, in both directions and of any size.

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::{Answer, Api};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::output::memory_kib;

/// A file far beyond what any process of ours may hold.
const LARGE: usize = 64 << 20;
/// How far the peak of a process of ours may rise while it passes through, in KiB.
const MAY_RISE: u64 = 24 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_read_and_moved_about() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let files = Files {
            base: format!("/v1/sandboxes/{sandbox}/files"),
            api: api.clone(),
        };
        files.one_is_written_and_read_in_parts().await?;
        files.many_come_in_one_body().await?;
        files.folders_are_made_listed_and_removed().await?;
        files.what_cannot_be_is_refused_by_name().await?;
        a_large_one_passes_through_flat_memory(stack, &files).await?;
        a_full_disk_is_told_and_breaks_nothing(&api, &sandbox, &files).await?;
        api.kill(&sandbox).await?;
        let gone = files.call("stat", &json!({"path": "/"})).await?;
        assert_eq!(gone.error_code().as_deref(), Some("invalid_state"));
        Ok(())
    })
    .await
}

struct Files {
    api: Api,
    base: String,
}

impl Files {
    async fn call(&self, action: &str, body: &Value) -> Result<Answer> {
        self.api
            .send(Method::POST, &format!("{}/{action}", self.base), body)
            .await
    }

    async fn write(&self, path: &str, content: impl Into<Bytes>) -> Result<Answer> {
        let path = format!("{}/stream/write?path={path}", self.base);
        self.api.send_raw(Method::POST, &path, &[], content).await
    }

    async fn read(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let path = format!("{}/stream/read?path={path}", self.base);
        self.api.send_raw(Method::GET, &path, headers, Bytes::new()).await
    }

    async fn one_is_written_and_read_in_parts(&self) -> Result<()> {
        let written = self.write("/tmp/a/b/notes.txt", "0123456789").await?;
        written.expect(StatusCode::NO_CONTENT)?;
        let whole = self
            .read("/tmp/a/b/notes.txt", &[])
            .await?
            .expect(StatusCode::OK)?;
        assert_eq!(&whole.body[..], b"0123456789");
        let part = self.read("/tmp/a/b/notes.txt", &[("range", "bytes=2-4")]).await?;
        let part = part.expect(StatusCode::PARTIAL_CONTENT)?;
        assert_eq!(&part.body[..], b"234");
        assert_eq!(part.headers["content-range"], "bytes 2-4/10");
        let beyond = self.read("/tmp/a/b/notes.txt", &[("range", "bytes=20-")]).await?;
        assert_eq!(beyond.error_code().as_deref(), Some("range_not_satisfiable"));
        let posted = self.call("read", &json!({"path": "/tmp/a/b/notes.txt"})).await?;
        assert_eq!(&posted.expect(StatusCode::OK)?.body[..], b"0123456789");
        Ok(())
    }

    async fn many_come_in_one_body(&self) -> Result<()> {
        let part = |name: &str, content: &str| {
            format!(
                "--roost\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n"
            )
        };
        let body = part("/tmp/many/one", "1") + &part("/tmp/many/two", "22") + "--roost--\r\n";
        let kind = [("content-type", "multipart/form-data; boundary=roost")];
        let path = format!("{}/write", self.base);
        let written = self.api.send_raw(Method::POST, &path, &kind, body).await?;
        written.expect(StatusCode::NO_CONTENT)?;
        let listed: Value = self
            .call("list", &json!({"path": "/tmp/many"}))
            .await?
            .read(StatusCode::OK)?;
        let mut listed: Vec<_> = listed["entries"]
            .as_array()
            .context("a list")?
            .iter()
            .map(|entry| {
                (
                    entry["name"].to_string(),
                    entry["size"].as_i64(),
                    entry["type"].to_string(),
                )
            })
            .collect();
        listed.sort();
        let file = "\"file\"".to_owned();
        assert_eq!(
            listed,
            [
                ("\"one\"".to_owned(), Some(1), file.clone()),
                ("\"two\"".to_owned(), Some(2), file)
            ]
        );
        Ok(())
    }

    async fn folders_are_made_listed_and_removed(&self) -> Result<()> {
        let folder = json!({"path": "/tmp/folder/inner"});
        self.call("mkdir", &folder).await?.expect(StatusCode::CREATED)?;
        let again = self.call("mkdir", &folder).await?;
        assert_eq!(
            (again.status, again.error_code().as_deref()),
            (StatusCode::CONFLICT, Some("already_exists"))
        );
        let moved = json!({"from": "/tmp/folder", "to": "/tmp/moved"});
        let moved: Value = self.call("move", &moved).await?.read(StatusCode::OK)?;
        assert_eq!(
            (&moved["path"], &moved["type"]),
            (&json!("/tmp/moved"), &json!("directory"))
        );
        let found: Value = self
            .call("stat", &json!({"path": "/tmp/moved/inner"}))
            .await?
            .read(StatusCode::OK)?;
        assert_eq!(found["name"], "inner");
        let removed = self.call("remove", &json!({"path": "/tmp/moved"})).await?;
        removed.expect(StatusCode::NO_CONTENT)?;
        let gone = self.call("stat", &json!({"path": "/tmp/moved"})).await?;
        assert_eq!(
            (gone.status, gone.error_code().as_deref()),
            (StatusCode::NOT_FOUND, Some("not_found"))
        );
        Ok(())
    }

    async fn what_cannot_be_is_refused_by_name(&self) -> Result<()> {
        let missing = self.read("/tmp/missing", &[]).await?;
        assert_eq!(missing.error_code().as_deref(), Some("not_found"));
        let onto_a_folder = self.write("/tmp", "x").await?;
        assert_eq!(onto_a_folder.error_code().as_deref(), Some("guest_refused"));
        let endless = self.read("/dev/zero", &[]).await?;
        assert_eq!(endless.error_code().as_deref(), Some("guest_refused"));
        let nobody = self
            .call("stat", &json!({"path": "/tmp", "user": "nobody-of-that-name"}))
            .await?;
        assert_eq!(nobody.error_code().as_deref(), Some("guest_refused"));
        Ok(())
    }
}

async fn a_large_one_passes_through_flat_memory(stack: &Stack, files: &Files) -> Result<()> {
    let roles = [Role::Host, Role::Gateway];
    let before = roles.map(|role| memory_kib(stack, role, "VmRSS:"));
    // No two pages of it are alike.
    let content: Vec<u8> = (0..LARGE as u64 / 8)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    let digest = blake3::hash(&content);
    let content = Bytes::from(content);
    let written = files.write("/home/user/large", content).await?;
    written.expect(StatusCode::NO_CONTENT)?;
    let back = files
        .read("/home/user/large", &[])
        .await?
        .expect(StatusCode::OK)?;
    assert_eq!((back.body.len(), blake3::hash(&back.body)), (LARGE, digest));
    for (role, before) in roles.into_iter().zip(before) {
        let (before, peak) = (before?, memory_kib(stack, role, "VmHWM:")?);
        assert!(
            peak < before + MAY_RISE,
            "the {} rose from {before} to {peak} KiB",
            role.name()
        );
    }
    Ok(())
}

async fn a_full_disk_is_told_and_breaks_nothing(api: &Api, sandbox: &str, files: &Files) -> Result<()> {
    let mount = "mkdir /tmp/small && mount -t tmpfs -o size=1m,mode=777 tmpfs /tmp/small";
    let mount = json!({"cmd": "sh", "args": ["-c", mount], "user": "root"});
    assert_eq!(api.exec(sandbox, &mount).await?.exit_code, 0);
    let full = files.write("/tmp/small/x", vec![7; LARGE]).await?;
    assert_eq!(full.error_code().as_deref(), Some("disk_full"), "{full:?}");
    let fits = files.write("/tmp/small/y", "a few bytes").await?;
    fits.expect(StatusCode::NO_CONTENT).map(drop)
}
