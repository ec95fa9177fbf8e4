//! Questions are answered, and whoever asks badly is let go, while faults are answered all the time.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use roost_pager::control::{State, Status};

use crate::support::{Backing, Guest, PATIENCE, Pager, Store};

const PAGES: usize = 256;

fn connect(pager: &Pager) -> UnixStream {
    let connection = UnixStream::connect(pager.control()).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// What comes until the connection ends.
fn rest(mut connection: UnixStream) -> String {
    let mut text = String::new();
    match connection.read_to_string(&mut text) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => text,
    }
}

#[test]
fn it_tells_how_it_stands() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    assert_eq!(pager.status(), Status::default());
    assert_eq!(pager.removed(), []);
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    guest.touch(0);
    let expected = Status {
        state: State::Serving,
        engine: i32::try_from(std::process::id()).ok(),
        faults: 1,
        copied_pages: 16,
        ..Status::default()
    };
    assert_eq!(pager.status(), expected);
    for socket in [pager.socket(), pager.control()] {
        let mode = std::fs::metadata(socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_no_question_gets_no_answer() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    let corpus = [
        b"\n".to_vec(),
        b"status\n".to_vec(),
        b"\"nothing known\"\n".to_vec(),
        b"{\"status\":1}\n".to_vec(),
        b"\xff\xfe\n".to_vec(),
        vec![b' '; 300],
        vec![b'['; 100_000],
        vec![0; 1 << 20],
    ];
    for (at, question) in corpus.into_iter().enumerate() {
        let mut connection = connect(&pager);
        // The pager may have closed it before all of it was written.
        let _ = connection.write_all(&question);
        assert_eq!(rest(connection), "");
        guest.expect(at * 16, store.numbers[at * 16]);
    }
    let mut left = connect(&pager);
    left.write_all(b"\"stat").unwrap();
    left.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(left), "");
}

#[test]
fn a_question_may_come_in_parts_and_its_asker_may_say_no_more() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let mut connection = connect(&pager);
    for byte in b"\"status\"\n" {
        connection.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    connection.shutdown(std::net::Shutdown::Write).unwrap();
    let status: Status = serde_json::from_str(&rest(connection)).unwrap();
    assert_eq!(status, Status::default());
}

#[test]
fn whoever_only_connects_is_let_go_and_hinders_nobody() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    let idle: Vec<_> = (0..40).map(|_| connect(&pager)).collect();
    assert_eq!(pager.status().state, State::Serving, "the newest are heard");
    (0..PAGES).for_each(|page| guest.expect(page, store.numbers[page]));
    for connection in idle {
        assert_eq!(rest(connection), "");
    }
}

/// The answer is longer than what a socket holds.
#[test]
fn a_long_answer_that_is_read_slowly_or_never_hinders_nobody() {
    const MANY: usize = 200_000;
    let mut store = Store::zeros(MANY);
    store.generation(&[(0, 16, true)]);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, MANY, &pager.socket());
    for page in (16..MANY).step_by(2) {
        guest.give_back(Backing::Anonymous, page, 1);
    }
    let mut never = connect(&pager);
    never.write_all(b"\"removed\"\n").unwrap();
    guest.expect(3, store.numbers[3]);
    let removed = pager.removed();
    assert_eq!(removed.len(), (MANY - 16) / 2);
    assert!(removed.iter().all(|(first, count)| first % 2 == 0 && *count == 1));
    assert_eq!(pager.status().faults, 1);
}
