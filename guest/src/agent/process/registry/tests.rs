//! Who is found, and how many there may be.

use roost_schemas::envd::process::process_event::EndEvent;
use tokio::sync::watch;

use super::*;
use crate::agent::process::input::Input;

fn registry() -> Arc<Registry> {
    Registry::new(Budget::of_guest())
}

fn process(registry: &Registry, pid: u32, tag: Option<&str>) -> Arc<Running> {
    let process = Arc::new(Running {
        pid,
        tag: tag.map(Into::into),
        config: ProcessConfig::default(),
        started: Instant::now(),
        input: Input::pipe(None),
        feed: registry.feed(),
        exited: watch::Sender::new(false),
    });
    registry.add(Arc::clone(&process));
    process
}

fn pid(pid: u32) -> ProcessSelector {
    ProcessSelector {
        selector: Some(Selector::Pid(pid)),
    }
}

fn tag(tag: &str) -> ProcessSelector {
    ProcessSelector {
        selector: Some(Selector::Tag(tag.into())),
    }
}

#[test]
fn processes_are_found_by_pid_and_by_the_latest_of_a_tag() {
    let registry = registry();
    process(&registry, 7, Some("a"));
    process(&registry, 8, Some("a"));
    process(&registry, 9, None);
    assert_eq!(registry.find(&pid(9)).unwrap().pid, 9);
    assert_eq!(registry.find(&tag("a")).unwrap().pid, 8);
    assert_eq!(registry.list().len(), 3);
    for (selector, code) in [
        (pid(10), connectrpc::ErrorCode::NotFound),
        (tag("b"), connectrpc::ErrorCode::NotFound),
        (ProcessSelector::default(), connectrpc::ErrorCode::InvalidArgument),
    ] {
        assert_eq!(registry.find(&selector).unwrap_err().code, code);
        assert_eq!(registry.find_feed(&selector).unwrap_err().code, code);
    }
}

#[test]
fn an_ended_process_is_only_good_for_its_end_and_only_for_a_while() {
    let registry = registry();
    let first = process(&registry, 7, Some("a"));
    registry.end(&first);
    first.feed.end(EndEvent::default());
    assert!(registry.list().is_empty());
    assert!(registry.find(&pid(7)).is_err());
    assert_eq!(registry.find_feed(&pid(7)).unwrap().0, 7);
    assert_eq!(registry.find_feed(&tag("a")).unwrap().0, 7);

    let again = process(&registry, 7, None);
    assert!(Arc::ptr_eq(&registry.find_feed(&pid(7)).unwrap().1, &again.feed));
    assert!(registry.find_feed(&tag("a")).is_err(), "its id is another's now");

    registry.end(&again);
    for number in 100..100 + 64 {
        let next = process(&registry, number, None);
        registry.end(&next);
    }
    assert!(registry.find_feed(&pid(7)).is_err(), "more have ended since");
    assert!(registry.find_feed(&pid(100)).is_ok());
}

#[test]
fn there_is_room_for_so_many_processes_and_so_much_of_their_commands() {
    let registry = registry();
    let small = ProcessConfig::default();
    let mut admitted: Vec<Admission> = (0..PROCESSES)
        .map(|_| registry.admit(&small, None).unwrap())
        .collect();
    assert_eq!(registry.admit(&small, None).unwrap_err(), Full::Processes);
    admitted.truncate(10);
    let large = ProcessConfig {
        cmd: "x".repeat(CONFIGS / 2),
        ..ProcessConfig::default()
    };
    let first = registry.admit(&large, None).unwrap();
    let _second = registry.admit(&large, None).unwrap();
    assert_eq!(registry.admit(&large, None).unwrap_err(), Full::Configs);
    drop(first);
    assert!(registry.admit(&large, None).is_ok());
}
