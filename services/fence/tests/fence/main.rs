//! The fence as its own process, before engines that are small programs.

mod stage;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::Signal;

use stage::{Engine, Stage};

const WHILE: Duration = Duration::from_mins(10);

#[test]
fn engines_run_for_as_long_as_it_is_extended_and_stand_still_afterwards() {
    let stage = Stage::new();
    let engine = Engine::start(&stage, "sb1.1");
    let fence = stage.start(0);
    engine.stands(true);
    fence.extend(Duration::from_secs(3));
    engine.stands(false);
    // Nobody says anything any more.
    engine.stands(true);
    let status = fence.extend(WHILE);
    assert!(status.open);
    engine.stands(false);
    let earlier = fence.extend(Duration::ZERO);
    assert_eq!(earlier, status, "it is never moved back");
    engine.stands(false);
}

#[test]
fn an_engine_that_is_started_behind_a_closed_fence_is_stopped_too() {
    let stage = Stage::new();
    let _fence = stage.start(0);
    let engine = Engine::start(&stage, "sb1.1");
    engine.stands(true);
}

#[test]
fn a_fence_that_is_started_anew_goes_on_as_the_one_before() {
    let stage = Stage::new();
    let engine = Engine::start(&stage, "sb1.1");
    let mut fence = stage.start(0);
    let until = fence.extend(WHILE).until_ms;
    fence.kill(Signal::KILL);
    engine.stands(false);
    fs::remove_file(stage.socket()).unwrap();
    let mut fence = stage.start(until);
    engine.stands(false);
    assert!(fence.extend(Duration::ZERO).open);
    fence.kill(Signal::KILL);
    fs::remove_file(stage.socket()).unwrap();
    let _closed = stage.start(0);
    engine.stands(true);
}

#[test]
fn one_that_is_told_to_end_closes_first() {
    let stage = Stage::new();
    let engine = Engine::start(&stage, "sb1.1");
    let mut fence = stage.start(0);
    fence.extend(WHILE);
    engine.stands(false);
    assert!(fence.kill(Signal::TERM).success());
    engine.stands(true);
    assert!(!stage.socket().exists());
}

#[test]
fn a_process_that_only_has_an_engines_number_is_left_alone() {
    let stage = Stage::new();
    let engine = Engine::start(&stage, "sb1.1");
    let (_, time, _) = engine.identity();
    engine.record(&stage, "sb1.1", time + 1, None);
    engine.record(&stage, "sb2.1", time, Some("another boot"));
    let recorded = Engine::start(&stage, "sb3.1");
    let _fence = stage.start(0);
    recorded.stands(true);
    engine.stands(false);
}

#[test]
fn whoever_speaks_nonsense_or_not_at_all_holds_nobody_up() {
    let stage = Stage::new();
    let engine = Engine::start(&stage, "sb1.1");
    fs::write(stage.engines().join("stray"), "").unwrap();
    fs::create_dir(stage.engines().join("damaged.1")).unwrap();
    fs::write(stage.engines().join("damaged.1/engine.json"), "{").unwrap();
    let fence = stage.start(0);
    let _silent: Vec<UnixStream> = (0..3)
        .map(|_| UnixStream::connect(stage.socket()).unwrap())
        .collect();
    let garbage: [&[u8]; 4] = [
        b"\n",
        b"{\"extend\":{\"until_ms\":-1}}\n",
        &[b'x'; 4096],
        b"\"status\"",
    ];
    for words in garbage {
        let mut client = UnixStream::connect(stage.socket()).unwrap();
        client.write_all(words).unwrap();
        let mut answer = Vec::new();
        // A connection that is closed with unread bytes in it is reset.
        let _ = client.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{words:?}");
    }
    fence.extend(WHILE);
    engine.stands(false);
}

#[test]
fn it_ends_with_the_hosts_folder() {
    let stage = Stage::new();
    let mut fence = stage.start(0);
    fs::remove_dir_all(stage.run()).unwrap();
    assert!(fence.ended().success());
}

#[test]
fn a_second_one_on_the_same_socket_says_why_it_cannot_be() {
    let stage = Stage::new();
    let _first = stage.start(0);
    let second = stage.command(0).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("fence.sock"), "{said}");
}
