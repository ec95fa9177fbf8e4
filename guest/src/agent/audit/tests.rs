//! A host at the other end of a pipe.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;

fn audit() -> (TempDir, Arc<Audit>) {
    let folder = tempfile::tempdir().unwrap();
    let audit = Arc::new(Audit::open(folder.path().join("processes")));
    (folder, audit)
}

fn starting(name: &str) -> Starting {
    Starting {
        process: ProcessId::new(name).unwrap(),
        cmd: "true".into(),
        args: Vec::new(),
        cwd: "/".into(),
        user: "root".into(),
        timeout_sec: None,
        pty: false,
        tag: None,
    }
}

fn ask(audit: &Arc<Audit>, name: &str) -> JoinHandle<Result<(), Barred>> {
    let (audit, starting) = (Arc::clone(audit), starting(name));
    tokio::spawn(async move { audit.admit(starting).await })
}

struct Host(BufReader<DuplexStream>);

impl Host {
    fn connect(audit: &Arc<Audit>) -> Self {
        let (host, agent) = duplex(1 << 20);
        let audit = Arc::clone(audit);
        tokio::spawn(async move { audit.serve(agent).await });
        Self(BufReader::new(host))
    }

    async fn notice(&mut self) -> Option<Notice> {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    async fn answer(&mut self, number: u64, verdict: Verdict) {
        let mut line = serde_json::to_vec(&Answer { number, verdict }).unwrap();
        line.push(b'\n');
        self.0.write_all(&line).await.unwrap();
    }
}

#[tokio::test]
async fn a_process_waits_for_its_entry_and_its_end_is_forgotten_once_recorded() {
    let (_folder, audit) = audit();
    let mut host = Host::connect(&audit);
    let asked = ask(&audit, "p1");
    let notice = host.notice().await.unwrap();
    assert_eq!(notice.fact, Fact::Starting(starting("p1")));
    assert!(!asked.is_finished());
    host.answer(notice.number, Verdict::Recorded).await;
    assert_eq!(asked.await.unwrap(), Ok(()));

    audit.never_started(ProcessId::new("p1").unwrap(), "no such command");
    let ended = host.notice().await.unwrap();
    assert_eq!((notice.number, ended.number), (1, 2));
    host.answer(ended.number, Verdict::Recorded).await;
    // Another round trip, so that the answer has been taken.
    let refused = ask(&audit, "p2");
    let notice = host.notice().await.unwrap();
    host.answer(notice.number, Verdict::Refused("it stops".into()))
        .await;
    assert_eq!(refused.await.unwrap(), Err(Barred::Refused("it stops".into())));
    assert_eq!(audit.book().open(), 0);
}

#[tokio::test]
async fn the_newest_connection_hears_what_is_open() {
    let (_folder, audit) = audit();
    let mut first = Host::connect(&audit);
    let asked = ask(&audit, "p1");
    let told = first.notice().await.unwrap();
    let mut second = Host::connect(&audit);
    assert_eq!(second.notice().await.unwrap(), told, "with the same number");
    assert_eq!(first.notice().await, None, "the older one is closed");
    second.answer(told.number, Verdict::Recorded).await;
    assert_eq!(asked.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_nothing_starts() {
    let (_folder, audit) = audit();
    assert_eq!(ask(&audit, "p1").await.unwrap(), Err(Barred::NoAnswer));
    assert_eq!(audit.book().open(), 0, "no host has heard of it");

    let mut host = Host::connect(&audit);
    let asked = ask(&audit, "p2");
    assert!(matches!(host.notice().await.unwrap().fact, Fact::Starting(_)));
    assert_eq!(asked.await.unwrap(), Err(Barred::NoAnswer));
    let Fact::Ended(ended) = host.notice().await.unwrap().fact else {
        panic!("not an end")
    };
    assert!(matches!(ended.status, ExitStatus::NotStarted { .. }));
    assert_eq!(ended.process.as_str(), "p2");
}

#[tokio::test]
async fn a_line_too_long_or_without_sense_ends_the_connection_only() {
    let (_folder, audit) = audit();
    for nonsense in [b"{}\n".to_vec(), vec![b'x'; MAX_LINE + 1]] {
        let mut host = Host::connect(&audit);
        host.0.write_all(&nonsense).await.unwrap();
        assert_eq!(host.notice().await, None);
    }
    let mut long = starting("p1");
    long.args = vec!["\"".repeat(MAX_LINE / 2)];
    assert!(matches!(audit.admit(long).await, Err(Barred::TooLong(_))));
    assert_eq!(audit.book().open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_stops_new_processes() {
    let (_folder, audit) = audit();
    for _ in 0..OPEN {
        audit.never_started(ProcessId::new("p").unwrap(), "x");
    }
    assert_eq!(audit.admit(starting("p1")).await, Err(Barred::Backlog));
}

#[tokio::test]
async fn a_restarted_agent_tells_what_it_does_not_know() {
    let (folder, before) = audit();
    let mut host = Host::connect(&before);
    for (name, verdict) in [
        ("p1", Verdict::Recorded),
        ("p2", Verdict::Refused("it stops".into())),
        ("p3", Verdict::Recorded),
    ] {
        let asked = ask(&before, name);
        let number = host.notice().await.unwrap().number;
        host.answer(number, verdict).await;
        let _ = asked.await.unwrap();
    }
    before.never_started(ProcessId::new("p3").unwrap(), "no such command");
    let number = host.notice().await.unwrap().number;
    host.answer(number, Verdict::Recorded).await;
    while before.book().open() > 0 {
        tokio::task::yield_now().await;
    }

    let after = Arc::new(Audit::open(folder.path().join("processes")));
    let mut host = Host::connect(&after);
    let notice = host.notice().await.unwrap();
    let Fact::Ended(ended) = notice.fact else {
        panic!("not an end")
    };
    assert_eq!((ended.process.as_str(), after.book().open()), ("p1", 1));
    assert!(matches!(ended.status, ExitStatus::Unknown { .. }));
}
