//! Whatever connects in an engine's place neither hangs nor ends the pager, and an engine that comes after is served.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::libc;
use serde_json::{Value, json};
use userfaultfd::UffdBuilder;

use crate::support::{Backing, Guest, PAGE, PATIENCE, Pager, Store, hand_over};

const PAGES: usize = 64;

/// Waits until the other side has closed the connection.
fn refused(mut connection: &UnixStream) {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    match connection.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("not refused but {other:?}"),
    }
}

/// Serves a proper guest: nothing that came before has hurt.
fn serves(pager: &Pager, store: &Store) {
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    (0..PAGES).for_each(|page| guest.expect(page, store.numbers[page]));
}

/// Messages that come with a proper descriptor.
fn messages(guest: &Guest) -> Vec<(&'static str, Vec<u8>)> {
    let whole = guest.regions().to_string().into_bytes();
    let region = |change: &dyn Fn(&mut Value)| {
        let mut regions = guest.regions();
        change(&mut regions[0]);
        regions.to_string().into_bytes()
    };
    let many = vec![guest.region(0, 1, 0); 1000];
    let nested = [vec![b'['; 20_000], vec![b']'; 100]].concat();
    vec![
        ("nothing in it", b"[]".to_vec()),
        ("no list", b"{}]".to_vec()),
        (
            "cut off, but it looks whole",
            b"[{\"base_host_virt_addr\":1]".to_vec(),
        ),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("followed by more", [&whole[..], b" []"].concat()),
        ("no text", vec![0xff; 64]),
        ("deeply nested", nested),
        ("endless", vec![b'['; 100_000]),
        ("very many regions", json!(many).to_string().into_bytes()),
        (
            "two regions of the same",
            json!([guest.region(0, 2, 0), guest.region(0, 2, 0)])
                .to_string()
                .into(),
        ),
        (
            "the same page twice",
            json!([guest.region(0, 2, 0), guest.region(2, 2, 1)])
                .to_string()
                .into(),
        ),
        (
            "more than the manifest has",
            json!([guest.region(0, PAGES, 1)]).to_string().into(),
        ),
        (
            "huge pages",
            region(&|region| region["page_size"] = json!(2 << 20)),
        ),
        (
            "pages in KiB",
            region(&|region| region["page_size_kib"] = json!(4)),
        ),
        ("misaligned", region(&|region| region["offset"] = json!(100))),
        ("empty", region(&|region| region["size"] = json!(0))),
        ("negative", region(&|region| region["size"] = json!(-4096))),
        (
            "beyond numbers",
            region(&|region| region["offset"] = json!(u64::MAX - 4095)),
        ),
        (
            "at the end of all addresses",
            region(&|region| region["base_host_virt_addr"] = json!(u64::MAX - 4095)),
        ),
        (
            "a text for a number",
            region(&|region| region["size"] = json!("4096")),
        ),
    ]
}

#[test]
fn malformed_messages_are_refused() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::new(Backing::Anonymous, PAGES);
    for (what, message) in messages(&guest) {
        let mut connection = UnixStream::connect(pager.socket()).unwrap();
        hand_over(&connection, &message[..1], &[guest.uffd.as_fd()]);
        // The pager may have closed it before all of it was written.
        let _ = connection.write_all(&message[1..]);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        refused(&connection);
        assert_eq!(pager.status().engine, None, "{what}");
    }
    serves(&pager, &store);
}

/// One that its maker has not made ready: the crate makes no such thing.
fn raw_userfaultfd() -> OwnedFd {
    // SAFETY: the call takes flags only, and answers with a descriptor that nobody else owns.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK);
        OwnedFd::from_raw_fd(i32::try_from(descriptor).unwrap())
    }
}

#[test]
fn any_other_number_or_kind_of_descriptors_is_refused() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::new(Backing::Anonymous, PAGES);
    let (uffd, raw) = (guest.uffd.as_fd(), raw_userfaultfd());
    let file = File::open(store.manifest()).unwrap();
    let (pipe, _end) = std::io::pipe().unwrap();
    let corpus = [
        vec![],
        vec![uffd, uffd],
        vec![uffd; 8],
        vec![file.as_fd(), uffd],
        vec![file.as_fd()],
        vec![pipe.as_fd()],
        vec![raw.as_fd()],
    ];
    let before = descriptors(&pager);
    for descriptors in corpus {
        let connection = UnixStream::connect(pager.socket()).unwrap();
        hand_over(&connection, guest.regions().to_string().as_bytes(), &descriptors);
        refused(&connection);
        assert_eq!(pager.status().engine, None);
    }
    // One before the message and one after is two as well.
    let connection = UnixStream::connect(pager.socket()).unwrap();
    hand_over(&connection, b" ", &[uffd]);
    hand_over(&connection, guest.regions().to_string().as_bytes(), &[uffd]);
    refused(&connection);
    assert_eq!(descriptors(&pager), before, "it keeps none of them");
    serves(&pager, &store);
}

fn descriptors(pager: &Pager) -> usize {
    // The connection of the last question may be on its way out.
    pager.status();
    thread::sleep(Duration::from_millis(20));
    std::fs::read_dir(format!("/proc/{}/fd", pager.pid()))
        .unwrap()
        .count()
}

#[test]
fn whoever_says_nothing_or_little_keeps_no_engine_waiting() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let mut idle: Vec<UnixStream> = (0..20)
        .map(|_| UnixStream::connect(pager.socket()).unwrap())
        .collect();
    for connection in &mut idle {
        let _ = connection.write_all(b"[");
    }
    serves(&pager, &store);
    idle.iter().for_each(refused);
}

#[test]
fn whoever_never_ends_is_refused() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let mut slow = UnixStream::connect(pager.socket()).unwrap();
    let silent = UnixStream::connect(pager.socket()).unwrap();
    // A byte at a time, for longer than a handshake may take.
    while slow.write_all(b" ").is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
    refused(&silent);
    serves(&pager, &store);
}

#[test]
fn a_slow_engine_is_served_and_so_is_one_with_a_blocking_descriptor() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::new(Backing::Anonymous, PAGES);
    let message = guest.regions().to_string().into_bytes();
    let mut connection = UnixStream::connect(pager.socket()).unwrap();
    hand_over(&connection, &message[..1], &[guest.uffd.as_fd()]);
    for byte in &message[1..] {
        connection.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_micros(500));
    }
    guest.expect(9, store.numbers[9]);

    let pager = Pager::start(&store);
    let mut guest = Guest::new(Backing::Shared, PAGES);
    let blocking = UffdBuilder::new()
        .non_blocking(false)
        .user_mode_only(false)
        .create()
        .unwrap();
    // The memory is registered with one descriptor at a time.
    guest.replace(blocking);
    let regions = guest.regions();
    guest.connect(&pager.socket(), &regions);
    guest.expect(9, store.numbers[9]);
    assert_eq!(pager.status().copied_pages, 16 - 9);
}

#[test]
fn nobody_else_is_served_once_there_is_an_engine() {
    let store = Store::full(PAGES);
    let pager = Pager::start(&store);
    let guest = Guest::served(Backing::Anonymous, PAGES, &pager.socket());
    assert_eq!(guest.read(1).len(), PAGE);
    assert!(UnixStream::connect(pager.socket()).is_err());
}
