//! `filesystem.Filesystem`: entries and watches, in both codecs.

use std::time::Duration;

use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use connectrpc::{ConnectError, ErrorCode};
use futures::{StreamExt, stream};
use roost_schemas::envd::filesystem::watch_dir_response::Event;
use roost_schemas::envd::filesystem::{
    CreateWatcherRequest, EntryInfo, EventType, FileType, FilesystemClient, FilesystemEvent,
    GetWatcherEventsRequest, ListDirRequest, MakeDirRequest, MoveRequest, RemoveRequest,
    RemoveWatcherRequest, StatRequest, WatchDirRequest, WatchDirResponse,
};
use tokio::time::timeout;

use crate::agent::{Codec, bash, is_healthy, run};
use crate::vm::Vm;

/// How long an event may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn client(vm: &Vm, codec: Codec) -> FilesystemClient<HttpClient> {
    let config = ClientConfig::new(format!("http://{}", vm.agent()).parse().unwrap());
    let config = match codec {
        Codec::Json => config.json(),
        Codec::Binary => config.proto(),
    };
    FilesystemClient::new(HttpClient::plaintext(), config)
}

fn as_user() -> CallOptions {
    CallOptions::default().with_header("authorization", "Basic dXNlcjo=")
}

async fn shell(vm: &Vm, script: &str) {
    let outcome = run(vm.agent(), bash(script)).await.unwrap();
    assert_eq!(outcome.end.exit_code, 0, "{script}: {outcome:?}");
}

async fn stat(files: &FilesystemClient<HttpClient>, path: &str) -> Result<EntryInfo, ConnectError> {
    let request = StatRequest { path: path.into() };
    let response = files.stat_with_options(request, as_user()).await?;
    Ok(response.into_owned().entry.into_option().unwrap())
}

#[tokio::test]
async fn entries_are_made_described_moved_listed_and_removed() {
    let vm = Vm::boot().await;
    for codec in [Codec::Json, Codec::Binary] {
        let files = client(&vm, codec);
        let make = |path: &str| files.make_dir_with_options(MakeDirRequest { path: path.into() }, as_user());
        let entry = make("a/b")
            .await
            .unwrap()
            .into_owned()
            .entry
            .into_option()
            .unwrap();
        assert_eq!(
            (entry.path.as_str(), entry.owner.as_str()),
            ("/home/user/a/b", "user")
        );
        assert_eq!((entry.permissions.as_str(), entry.mode), ("drwxr-xr-x", 0o755));
        assert_eq!(make("a/b").await.unwrap_err().code, ErrorCode::AlreadyExists);
        shell(
            &vm,
            "cd /home/user/a; echo 12345 > file; ln -s file link; mkdir b/c; touch b/c/deep",
        )
        .await;
        assert_eq!(
            make("a/file/x").await.unwrap_err().code,
            ErrorCode::InvalidArgument
        );

        let file = stat(&files, "~/a/link").await.unwrap();
        assert_eq!(file.r#type, FileType::FILE_TYPE_FILE);
        assert_eq!(file.symlink_target.as_deref(), Some("/home/user/a/file"));
        let list = |depth| {
            let request = ListDirRequest {
                path: "a".into(),
                depth,
            };
            files.list_dir_with_options(request, as_user())
        };
        for (depth, expected) in [
            (0, vec!["b", "file", "link"]),
            (9, vec!["b", "c", "deep", "file", "link"]),
        ] {
            let listed = list(depth).await.unwrap().into_owned();
            let names: Vec<_> = listed.entries.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, expected);
        }
        let rename = |source: &str, destination: &str| {
            let request = MoveRequest {
                source: source.into(),
                destination: destination.into(),
            };
            files.r#move_with_options(request, as_user())
        };
        let moved = rename("a/file", "new/place")
            .await
            .unwrap()
            .into_owned()
            .entry
            .into_option()
            .unwrap();
        assert_eq!((moved.path.as_str(), moved.size), ("/home/user/new/place", 6));
        assert_eq!(rename("a/file", "x").await.unwrap_err().code, ErrorCode::NotFound);
        assert_eq!(
            rename("new/place", "/dev/shm/x").await.unwrap_err().code,
            ErrorCode::FailedPrecondition
        );
        for path in ["a", "new", "never"] {
            let request = RemoveRequest { path: path.into() };
            files.remove_with_options(request, as_user()).await.unwrap();
            assert_eq!(stat(&files, path).await.unwrap_err().code, ErrorCode::NotFound);
        }
        assert_eq!(
            stat(&files, "a\0b").await.unwrap_err().code,
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            stat(&files, &"x".repeat(256)).await.unwrap_err().code,
            ErrorCode::InvalidArgument
        );
    }
    shell(&vm, "mkdir /tmp/many && cd /tmp/many && seq 20001 | xargs touch").await;
    let request = ListDirRequest {
        path: "/tmp/many".into(),
        depth: 1,
    };
    let error = client(&vm, Codec::Json).list_dir(request).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ResourceExhausted, "{error}");
}

/// Names and kinds.
fn named(events: Vec<FilesystemEvent>) -> Vec<(String, EventType)> {
    events
        .into_iter()
        .map(|event| (event.name, event.r#type.as_known().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_stream_tells_changes_as_they_happen() {
    let vm = Vm::boot().await;
    shell(&vm, "mkdir -p /tmp/w/old").await;
    let request = WatchDirRequest {
        path: "/tmp/w".into(),
        recursive: true,
        ..WatchDirRequest::default()
    };
    let options = CallOptions::default().with_header("keepalive-ping-interval", "1");
    let mut stream = client(&vm, Codec::Json)
        .watch_dir_with_options(request, options)
        .await
        .unwrap();
    let mut next = async || {
        let message = timeout(PATIENCE, stream.message::<WatchDirResponse>())
            .await
            .expect("an event")
            .unwrap();
        message.unwrap().to_owned_message().event.unwrap()
    };
    assert!(matches!(next().await, Event::Start(_)));
    while !matches!(next().await, Event::Keepalive(_)) {}
    shell(
        &vm,
        "cd /tmp/w; mkdir -p new/deep; echo x > new/deep/a; mv new/deep/a old/b; rm -r new; mkdir last",
    )
    .await;
    let mut seen = Vec::new();
    loop {
        match next().await {
            Event::Filesystem(event) if event.name == "last" => break,
            Event::Filesystem(event) => seen.push(*event),
            _ => {}
        }
    }
    let seen = named(seen);
    for expected in [
        ("new", EventType::EVENT_TYPE_CREATE),
        ("new/deep", EventType::EVENT_TYPE_CREATE),
        ("new/deep/a", EventType::EVENT_TYPE_CREATE),
        ("new/deep/a", EventType::EVENT_TYPE_RENAME),
        ("old/b", EventType::EVENT_TYPE_CREATE),
        ("new/deep", EventType::EVENT_TYPE_REMOVE),
        ("new", EventType::EVENT_TYPE_REMOVE),
    ] {
        let count = seen
            .iter()
            .filter(|(name, kind)| (name.as_str(), *kind) == expected)
            .count();
        assert_eq!(count, 1, "{expected:?} in {seen:?}");
    }
}

#[tokio::test]
async fn polled_watchers_are_bounded() {
    let vm = Vm::boot().await;
    let files = client(&vm, Codec::Json);
    shell(&vm, "mkdir /tmp/w").await;
    let create = || {
        files.create_watcher(CreateWatcherRequest {
            path: "/tmp/w".into(),
            include_entry: true,
            ..CreateWatcherRequest::default()
        })
    };
    let id = create().await.unwrap().into_owned().watcher_id;
    shell(&vm, "echo 12345 > /tmp/w/a").await;
    let poll = || {
        files.get_watcher_events(GetWatcherEventsRequest {
            watcher_id: id.clone(),
        })
    };
    let mut seen = Vec::new();
    while !seen
        .iter()
        .any(|event: &FilesystemEvent| event.r#type == EventType::EVENT_TYPE_WRITE)
    {
        seen.extend(poll().await.unwrap().into_owned().events);
    }
    assert_eq!((seen[0].name.as_str(), seen[0].entry.is_set()), ("a", true));

    let all = stream::iter(0..300).map(|_| create()).buffer_unordered(64);
    let outcomes: Vec<_> = all
        .map(|created| created.map(|it| it.into_owned().watcher_id))
        .collect()
        .await;
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    for error in refused.clone() {
        assert_eq!(error.code, ErrorCode::ResourceExhausted, "{error}");
    }
    assert!((200..300).contains(&refused.count()));
    assert!(is_healthy(vm.agent()).await);
    for watcher_id in outcomes.into_iter().flatten() {
        files
            .remove_watcher(RemoveWatcherRequest { watcher_id })
            .await
            .unwrap();
    }
    let again = create().await.unwrap().into_owned().watcher_id;
    files
        .remove_watcher(RemoveWatcherRequest {
            watcher_id: again.clone(),
        })
        .await
        .unwrap();
    let error = files
        .remove_watcher(RemoveWatcherRequest { watcher_id: again })
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
}
