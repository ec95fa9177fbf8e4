//! Writing to real files.

use std::os::unix::fs::{PermissionsExt, symlink};

use futures::stream;

use super::*;
use crate::agent::actor::tests::actor;

fn user(uid: u32) -> User {
    let mut user = actor(Path::new("/")).user;
    (user.uid, user.gid) = (uid, uid);
    user
}

fn order(path: &Path, announced: Option<u64>) -> Order {
    Order {
        path: path.to_owned(),
        user: user(4321),
        announced,
        metadata: Metadata::new(),
    }
}

async fn write(path: &Path, chunks: &[&'static [u8]]) -> Result<PathBuf, Refusal> {
    let chunks = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk)));
    super::write(order(path, None), stream::iter(chunks)).await
}

/// Undoing goes on after the writer is gone when a batch was under way.
async fn settled(is: impl Fn() -> bool) {
    while !is() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_new_file_and_its_parents_belong_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/file");
    assert_eq!(write(&path, &[b"one ", b"", b"two"]).await.unwrap(), path);
    assert_eq!(fs::read(&path).unwrap(), b"one two");
    for made in [path.as_path(), path.parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().uid(), 4321);
    }
}

#[tokio::test]
async fn many_small_chunks_arrive_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let chunks: Vec<String> = (0..10_000).map(|number| format!("{number},").repeat(7)).collect();
    let all = chunks.concat();
    let chunks = chunks.into_iter().map(|chunk| Ok(chunk.into()));
    super::write(order(&path, None), stream::iter(chunks))
        .await
        .unwrap();
    assert!(fs::read_to_string(&path).unwrap() == all);
}

#[tokio::test]
async fn an_old_file_keeps_its_inode_mode_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "a longer text than the next").unwrap();
    fs::set_permissions(at("file"), fs::Permissions::from_mode(0o754)).unwrap();
    fs::hard_link(at("file"), at("hard")).unwrap();
    symlink("file", at("soft")).unwrap();
    write(&at("soft"), &[b"short"]).await.unwrap();
    let file = fs::metadata(at("hard")).unwrap();
    assert_eq!((file.mode() & 0o777, file.uid(), file.len()), (0o754, 4321, 5));
    symlink("later", at("dangling")).unwrap();
    write(&at("dangling"), &[b"x"]).await.unwrap();
    assert_eq!(fs::read(at("later")).unwrap(), b"x");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_half() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old"), "text").unwrap();
    for name in ["old", "new"] {
        let chunks = [
            Ok(vec![1; BATCH].into()),
            Ok(vec![1; 5].into()),
            Err(Refusal::Idle(1)),
        ];
        let refusal = super::write(order(&at(name), None), stream::iter(chunks))
            .await
            .unwrap_err();
        assert!(matches!(refusal, Refusal::Idle(1)));
    }
    assert!(!at("new").exists());
    assert_eq!(fs::metadata(at("old")).unwrap().len(), 0);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_no_half() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old"), "text").unwrap();
    for name in ["old", "new"] {
        let mut writer = Writer::open(at(name), user(0), None).await.unwrap();
        for _ in 0..3 {
            writer.push(vec![1; BATCH].into()).await.unwrap();
        }
        drop(writer);
    }
    settled(|| !at("new").exists()).await;
    settled(|| fs::metadata(at("old")).unwrap().len() == 0).await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_announced_too_large_touches_nothing() {
    let full = Path::new("/dev/full");
    assert!(matches!(write(full, &[b"x"]).await, Err(Refusal::Special(_))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "text").unwrap();
    for name in ["file", "other"] {
        let order = order(&folder.path().join(name), Some(u64::MAX));
        let refusal = super::write(order, stream::empty()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::NoRoom { .. }), "{refusal}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"text");
    assert!(!folder.path().join("other").exists());
}

#[tokio::test]
async fn what_is_no_place_for_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(
        write(folder.path(), &[]).await,
        Err(Refusal::Directory(_))
    ));
    assert!(matches!(
        write(Path::new("/"), &[]).await,
        Err(Refusal::Directory(_))
    ));
    assert!(matches!(write(&at("fifo"), &[]).await, Err(Refusal::Special(_))));
    assert!(matches!(
        write(&at("file/below"), &[]).await,
        Err(Refusal::Failure(_))
    ));
}
