//! What a sandbox's own network policy opens and closes, and when.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::common::machine::{FORBIDDEN, INTERNET, Machine, PUBLIC, RESOLVER};
use crate::common::names::{Resolver, resolve};
use crate::common::servers::Server;
use crate::common::{DOUBT, Guest, PATIENCE, on_machine, owner};
use roost_net::{Error, SlotPool};
use roost_schemas::network::{MAX_RULES, NetworkPolicy};

/// A second server on the internet.
const ELSEWHERE: &str = "198.51.100.7";

pub(crate) fn policy(internet: bool, allow: &[&str], deny: &[&str]) -> NetworkPolicy {
    NetworkPolicy {
        internet,
        allow: allow.iter().map(|text| text.parse().expect("a target")).collect(),
        deny: deny.iter().map(|text| text.parse().expect("a range")).collect(),
        ..NetworkPolicy::default()
    }
}

fn nothing() -> NetworkPolicy {
    policy(false, &[], &[])
}

/// Whether the guest reaches `server`, over TCP and UDP alike.
fn is_answered(guest: &Guest, server: &str) -> bool {
    let started = Instant::now();
    let tcp = guest.greet(server, PATIENCE).is_ok();
    assert!(started.elapsed() < PATIENCE, "{server} was refused, not ignored");
    let udp = guest.greet_udp(server, if tcp { PATIENCE } else { DOUBT });
    assert_eq!(udp.is_ok(), tcp, "{server}");
    tcp
}

fn reaches(guest: &Guest, address: &str) -> bool {
    is_answered(guest, &format!("{address}:7000"))
}

/// A machine with servers, and a guest.
struct Scene {
    machine: Machine,
    pool: SlotPool,
    guest: Guest,
    servers: Vec<Server>,
    resolver: Resolver,
}

impl Scene {
    async fn set(machine: Machine) -> Self {
        machine
            .internet
            .net(|net| async move { net.address("lo", ELSEWHERE, 32).await });
        // Each by its address: a datagram is answered from the one it was sent to.
        let addresses = [&[INTERNET, ELSEWHERE], &FORBIDDEN[..]].concat();
        let servers = addresses.iter().map(|address| format!("{address}:7000"));
        let servers = servers
            .map(|server| Server::start_in(&machine.internet, &server))
            .collect();
        let resolver = Resolver::start_in(&machine.internet, RESOLVER);
        resolver.tell("example.com", 60, &[INTERNET]);
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let guest = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        Self {
            machine,
            pool,
            guest,
            servers,
            resolver,
        }
    }

    async fn apply(&self, policy: &NetworkPolicy) {
        self.pool.apply(owner("sb1", 1), policy).await.unwrap();
    }

    fn reaches(&self, address: &str) -> bool {
        reaches(&self.guest, address)
    }

    fn resolves(&self) -> bool {
        let told = self.guest.place.run(|| resolve("example.com")).unwrap();
        told.is_ok()
    }
}

#[test]
fn the_internet_can_be_closed_and_opened_while_the_guest_runs() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        assert!(scene.reaches(INTERNET) && scene.resolves());
        scene.apply(&nothing()).await;
        assert!(!scene.reaches(INTERNET) && !scene.reaches(ELSEWHERE));
        assert!(!scene.resolves(), "a question for a name would carry data out");
        scene.apply(&NetworkPolicy::default()).await;
        assert!(scene.reaches(INTERNET) && scene.reaches(ELSEWHERE) && scene.resolves());
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn what_is_allowed_beats_what_is_denied() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        for (policy, expected) in [
            (policy(true, &[], &["203.0.113.0/24"]), [false, true]),
            (policy(true, &["203.0.113.10"], &["203.0.113.0/24"]), [true, true]),
            (policy(false, &["203.0.113.0/28"], &[]), [true, false]),
            (
                policy(false, &["203.0.113.0/24"], &["203.0.113.10"]),
                [true, false],
            ),
            (policy(true, &[ELSEWHERE], &["0.0.0.0/0"]), [false, true]),
            (policy(true, &[], &["0.0.0.0/1", "128.0.0.0/1"]), [false, false]),
            (policy(true, &["0.0.0.0/0"], &["203.0.113.0/24"]), [true, true]),
            (policy(true, &["2001:db8::/32"], &["::/0"]), [true, true]),
        ] {
            scene.apply(&policy).await;
            assert_eq!(
                [INTERNET, ELSEWHERE].map(|address| scene.reaches(address)),
                expected,
                "{policy:?}"
            );
            assert_eq!(scene.resolves(), expected != [false, false], "{policy:?}");
        }
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn no_list_opens_what_is_never_open() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let _host = Server::start(&format!("{PUBLIC}:7000"));
        let neighbour = scene.pool.claim(owner("sb2", 1)).await.unwrap();
        let other = Guest::boot(&neighbour).await;
        let _other = Server::start_in(&other.place, "0.0.0.0:7000");
        let plan = scene.machine.config("a").validate().unwrap();
        let addresses = plan.addresses(neighbour.number).unwrap();
        let [host_end, slot_end, host_address] =
            [addresses.host_end, addresses.slot_end, addresses.host_address]
                .map(|address| address.to_string());
        let mut closed = FORBIDDEN.to_vec();
        closed.extend([&*host_end, &*slot_end, &*host_address]);
        for policy in [
            policy(true, &["0.0.0.0/0"], &["192.0.2.1"]),
            policy(false, &closed, &[]),
        ] {
            scene.apply(&policy).await;
            for address in &closed {
                assert!(!scene.reaches(address), "{address} with {policy:?}");
            }
        }
        scene.apply(&policy(false, &[PUBLIC], &[])).await;
        scene.guest.greet(&format!("{PUBLIC}:7000"), DOUBT).unwrap_err();
        drop(other);
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn open_connections_are_held_to_a_new_policy_at_once() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let mut tcp = Conversation::begin(&scene, INTERNET);
        let mut spared = Conversation::begin(&scene, ELSEWHERE);
        let (near, far, guest_seen) = datagrams(&scene);
        scene.apply(&policy(false, &[ELSEWHERE], &[])).await;

        // What comes in goes first: nothing the guest does must be needed to close it.
        far.send_to(b"in", guest_seen).unwrap();
        near.set_read_timeout(Some(DOUBT)).unwrap();
        near.recv(&mut [0; 8]).unwrap_err();
        tcp.near.write_all(b"out").unwrap();
        tcp.far.set_read_timeout(Some(DOUBT)).unwrap();
        tcp.far.read_exact(&mut [0; 3]).unwrap_err();
        let error = tcp.near.read(&mut [0; 1]).unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset,
            "it ends, instead of hanging"
        );
        spared.exchange();
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn the_host_reaches_a_guest_that_reaches_nothing() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let slot = scene.pool.owners().remove(0).1;
        let listener = scene
            .guest
            .place
            .run(|| TcpListener::bind("0.0.0.0:49983").unwrap());
        let mut near = TcpStream::connect((slot.host_address, 49983)).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        scene.apply(&nothing()).await;
        // The guest speaks first: its packets alone keep the connection.
        exchange(&mut far, &mut near);
        exchange(&mut near, &mut far);
        TcpStream::connect_timeout(&SocketAddr::from((slot.host_address, 49983)), PATIENCE).unwrap();
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn full_lists_are_carried_out() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let range = |first: u8| (0..MAX_RULES).map(move |n| format!("{first}.{n}.0.0/17"));
        let mut allow: Vec<_> = range(20).skip(1).collect();
        let mut deny: Vec<_> = range(30).skip(1).collect();
        allow.push(INTERNET.to_owned());
        deny.push("203.0.113.0/24".to_owned());
        let texts = |list: &[String]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let full = NetworkPolicy {
            allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
            deny: texts(&deny),
            ..NetworkPolicy::default()
        };
        assert_eq!((full.allow.len(), full.deny.len()), (MAX_RULES, MAX_RULES));
        scene.apply(&full).await;
        assert!(scene.reaches(INTERNET) && scene.reaches(ELSEWHERE));
        deny.push("198.51.100.0/24".to_owned());
        scene
            .apply(&NetworkPolicy {
                deny: texts(&deny[1..]),
                ..full
            })
            .await;
        assert!(scene.reaches(INTERNET) && !scene.reaches(ELSEWHERE));
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_slot_used_again_carries_no_former_policy() {
    on_machine(|machine| async move {
        let mut config = machine.config("a");
        // One number: the second sandbox has the first one's.
        config.veth_range = "10.12.0.0/31".parse().unwrap();
        let _server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(config).await.unwrap();
        let first = pool.claim(owner("sb1", 1)).await.unwrap();
        pool.apply(owner("sb1", 1), &nothing()).await.unwrap();
        pool.release(owner("sb1", 1)).await.unwrap();
        let second = pool.claim(owner("sb2", 1)).await.unwrap();
        assert_eq!(first.number, second.number);
        pool.apply(owner("sb2", 1), &NetworkPolicy::default())
            .await
            .unwrap();
        assert!(reaches(&Guest::boot(&second).await, INTERNET));
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_policy_outlives_the_host_also_where_rules_are_loaded_anew() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        scene.apply(&nothing()).await;
        let Scene {
            machine,
            pool,
            guest,
            servers: _servers,
            resolver: _resolver,
        } = scene;
        pool.close().await.unwrap();
        let config = machine.config("a");
        let pool = SlotPool::open(config.clone()).await.unwrap();
        assert!(!reaches(&guest, INTERNET));
        let number = pool.owners()[0].1.number;
        pool.close().await.unwrap();
        machine.age("a", number);
        let pool = SlotPool::open(config).await.unwrap();
        assert!(!reaches(&guest, INTERNET));
        // The new host does not know for sure what is carried out, so it takes nobody's word for it.
        pool.apply(owner("sb1", 1), &NetworkPolicy::default())
            .await
            .unwrap();
        assert!(reaches(&guest, INTERNET));
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_slot_is_found_while_its_policy_changes() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let applying = pool.clone();
        let change = tokio::spawn(async move { applying.apply(owner("sb1", 1), &nothing()).await });
        let mut looks = 0;
        while !change.is_finished() {
            assert_eq!(pool.owners(), [(owner("sb1", 1), slot.clone())]);
            looks += 1;
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        change.await.unwrap().unwrap();
        assert!(looks > 0, "running the filter program takes longer than that");
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_policy_needs_a_slot_and_the_default_costs_nothing() {
    on_machine(|machine| async move {
        let mut config = machine.config("a");
        let pool = SlotPool::open(config.clone()).await.unwrap();
        let refused = pool.apply(owner("sb1", 1), &nothing()).await;
        assert!(matches!(refused, Err(Error::NoSlot { .. })), "{refused:?}");
        pool.claim(owner("sb1", 1)).await.unwrap();
        pool.purge().await.unwrap();

        // A filter program that notes every call.
        let folder = tempfile::tempdir().unwrap();
        let (program, calls) = (folder.path().join("nft"), folder.path().join("calls"));
        let script = format!("#!/bin/sh\necho >> {}\nexec nft \"$@\"\n", calls.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        config.nft = program;
        let pool = SlotPool::open(config).await.unwrap();
        pool.claim(owner("sb1", 1)).await.unwrap();
        let count = || std::fs::read_to_string(&calls).unwrap().lines().count();
        let before = count();
        let none = NetworkPolicy {
            public: false,
            ..NetworkPolicy::default()
        };
        pool.apply(owner("sb1", 1), &none).await.unwrap();
        assert_eq!(count(), before);
        for _ in 0..2 {
            pool.apply(owner("sb1", 1), &nothing()).await.unwrap();
            assert_eq!(count(), before + 1);
        }
        pool.purge().await.unwrap();
    });
}

/// A TCP connection of the guest's, seen from both ends.
struct Conversation {
    near: TcpStream,
    far: TcpStream,
}

impl Conversation {
    fn begin(scene: &Scene, address: &'static str) -> Self {
        let listener = scene
            .machine
            .internet
            .run(move || TcpListener::bind((address, 7001)).unwrap());
        let near = scene
            .guest
            .place
            .run(move || TcpStream::connect((address, 7001)).unwrap());
        let (far, _) = listener.accept().unwrap();
        let mut begun = Self { near, far };
        begun.exchange();
        begun
    }

    fn exchange(&mut self) {
        exchange(&mut self.near, &mut self.far);
        exchange(&mut self.far, &mut self.near);
    }
}

/// Carries a byte.
fn exchange(from: &mut TcpStream, to: &mut TcpStream) {
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    from.write_all(b"x").unwrap();
    to.read_exact(&mut [0]).unwrap();
}

/// Datagrams of the guest's, seen from both ends, and as whom the far end knows the guest.
fn datagrams(scene: &Scene) -> (UdpSocket, UdpSocket, SocketAddr) {
    let far = scene
        .machine
        .internet
        .run(|| UdpSocket::bind((INTERNET, 7002)).unwrap());
    let near = scene.guest.place.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    near.connect((INTERNET, 7002)).unwrap();
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    near.send(b"out").unwrap();
    let (_, guest_seen) = far.recv_from(&mut [0; 8]).unwrap();
    far.send_to(b"in", guest_seen).unwrap();
    near.recv(&mut [0; 8]).unwrap();
    (near, far, guest_seen)
}
