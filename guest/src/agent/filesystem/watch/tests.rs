//! Watches of real directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use connectrpc::ErrorCode;
use roost_schemas::envd::filesystem::EventType;
use tempfile::TempDir;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;

const CREATE: EventType = EventType::EVENT_TYPE_CREATE;
const WRITE: EventType = EventType::EVENT_TYPE_WRITE;
const REMOVE: EventType = EventType::EVENT_TYPE_REMOVE;
const RENAME: EventType = EventType::EVENT_TYPE_RENAME;
const CHMOD: EventType = EventType::EVENT_TYPE_CHMOD;

fn wish(folder: &TempDir, recursive: bool) -> Wish {
    Wish {
        path: folder.path().to_owned(),
        recursive,
        with_entries: false,
        network_too: false,
    }
}

async fn watch(folder: &TempDir, recursive: bool) -> Watcher {
    Watcher::start(wish(folder, recursive), &Limit::new())
        .await
        .unwrap()
}

/// Events until that of a directory made now, without it.
async fn until_now(watcher: &mut Watcher, folder: &TempDir) -> Vec<(String, EventType)> {
    let last = format!("last {}", Uuid::new_v4());
    fs::create_dir(folder.path().join(&last)).unwrap();
    let mut seen = Vec::new();
    loop {
        let events = timeout(Duration::from_secs(10), watcher.next()).await;
        for event in events.expect("an event").unwrap() {
            if event.name == last {
                return seen;
            }
            seen.push((event.name, event.r#type.as_known().unwrap()));
        }
    }
}

fn named(expected: &[(&str, EventType)]) -> Vec<(String, EventType)> {
    expected
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), *kind))
        .collect()
}

#[tokio::test]
async fn every_kind_of_change_is_told_by_e2bs_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut watcher = watch(&folder, false).await;
    fs::write(at("a"), "text").unwrap();
    fs::set_permissions(at("a"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(at("a"), at("b")).unwrap();
    fs::remove_file(at("b")).unwrap();
    fs::create_dir(at("below")).unwrap();
    fs::write(at("below/unseen"), "").unwrap();
    let seen = until_now(&mut watcher, &folder).await;
    let expected = [
        ("a", CREATE),
        ("a", WRITE),
        ("a", CHMOD),
        ("a", RENAME),
        ("b", CREATE),
        ("b", REMOVE),
        ("below", CREATE),
    ];
    assert_eq!(seen, named(&expected));
}

#[tokio::test]
async fn a_recursive_watch_follows_new_moved_and_removed_directories() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("old/deep")).unwrap();
    let mut watcher = watch(&folder, true).await;
    fs::write(at("old/deep/a"), "").unwrap();
    // Made before the new directories can be watched: told all the same, and once.
    fs::create_dir_all(at("new/deep/deeper")).unwrap();
    fs::write(at("new/deep/deeper/b"), "").unwrap();
    let seen = until_now(&mut watcher, &folder).await;
    let expected = [
        ("old/deep/a", CREATE),
        ("new", CREATE),
        ("new/deep", CREATE),
        ("new/deep/deeper", CREATE),
        ("new/deep/deeper/b", CREATE),
    ];
    assert_eq!(seen, named(&expected));

    fs::rename(at("old"), at("moved")).unwrap();
    let seen = until_now(&mut watcher, &folder).await;
    assert_eq!(seen, named(&[("old", RENAME), ("moved", CREATE)]), "{seen:?}");
    fs::write(at("moved/deep/c"), "").unwrap();
    fs::remove_dir_all(at("moved")).unwrap();
    let seen = until_now(&mut watcher, &folder).await;
    assert_eq!(seen[0], ("moved/deep/c".into(), CREATE));
    assert!(seen.contains(&("moved/deep/c".into(), REMOVE)), "{seen:?}");
    assert_eq!(seen.last().unwrap(), &("moved".into(), REMOVE));
}

#[tokio::test]
async fn entries_come_along_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut wish = wish(&folder, false);
    wish.with_entries = true;
    let mut watcher = Watcher::start(wish, &Limit::new()).await.unwrap();
    fs::write(folder.path().join("a"), "12345").unwrap();
    let events = watcher.next().await.unwrap();
    assert_eq!(events[0].entry.as_option().unwrap().size, 5);
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let limit = Limit::new();
    for (name, code) in [("file", ErrorCode::InvalidArgument), ("no", ErrorCode::NotFound)] {
        let mut wish = wish(&folder, false);
        wish.path.push(name);
        let error = ConnectError::from(Watcher::start(wish, &limit).await.unwrap_err());
        assert_eq!(error.code, code, "{error}");
    }
    let many = limit
        .0
        .clone()
        .acquire_many_owned(u32::try_from(MOST).unwrap())
        .await;
    let error = Watcher::start(wish(&folder, false), &limit).await.unwrap_err();
    assert_eq!(ConnectError::from(error).code, ErrorCode::ResourceExhausted);
    drop(many);
    Watcher::start(wish(&folder, false), &limit).await.unwrap();
}

#[tokio::test]
async fn an_overflow_of_the_kernels_queue_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = watch(&folder, false).await;
    let most: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let (one, other) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&one, "").unwrap();
    for _ in 0..=most / 4 {
        fs::rename(&one, &other).unwrap();
        fs::rename(&other, &one).unwrap();
    }
    let error = loop {
        if let Err(error) = watcher.next().await {
            break error;
        }
    };
    assert!(matches!(error, WatchError::Overflow), "{error}");
    let seen = until_now(&mut watcher, &folder).await;
    assert_eq!(seen, [], "the watch goes on");
}

#[tokio::test]
async fn a_call_that_is_given_up_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = watch(&folder, false).await;
    for round in 0..200 {
        let path = folder.path().join(round.to_string());
        let _ = timeout(Duration::from_micros(round), watcher.next()).await;
        fs::create_dir(path).unwrap();
    }
    let seen = until_now(&mut watcher, &folder).await;
    assert_eq!(seen.last().unwrap().0, "199");
}

#[tokio::test]
async fn polled_events_wait_and_watchers_end() {
    let folder = tempfile::tempdir().unwrap();
    let (polls, limit) = (Polls::default(), Limit::new());
    let id = polls.create(wish(&folder, false), &limit).await.unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    let events = loop {
        let events = polls.take(&id).unwrap();
        if !events.is_empty() {
            break events;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(events[0].name, "a");
    polls.remove(&id).unwrap();
    assert_eq!(polls.take(&id).unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(polls.remove(&id).unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn of_ten_thousand_watchers_most_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (polls, limit) = (Polls::default(), Limit::new());
    let mut ids = Vec::new();
    for _ in 0..10_000 {
        match polls.create(wish(&folder, false), &limit).await {
            Ok(id) => ids.push(id),
            Err(error) => assert_eq!(ConnectError::from(error).code, ErrorCode::ResourceExhausted),
        }
    }
    assert!((1..=MOST).contains(&ids.len()));
    for id in ids {
        polls.remove(&id).unwrap();
    }
    while polls.create(wish(&folder, false), &limit).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_nobody_polls_ends_after_ten_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let (polls, limit) = (Polls::default(), Limit::new());
    let id = polls.create(wish(&folder, false), &limit).await.unwrap();
    tokio::time::sleep(Duration::from_secs(599)).await;
    polls.take(&id).unwrap();
    tokio::time::sleep(Duration::from_secs(599)).await;
    polls.take(&id).unwrap();
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(polls.take(&id).unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(limit.0.available_permits(), MOST);
}
