//! Names: who may ask for them, what is told, and what can be reached by them, for how long.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;

use crate::common::machine::{FORBIDDEN, INTERNET, Machine, PUBLIC, RESOLVER};
use crate::common::names::{Resolver, resolve, resolve_tcp, resolve_within};
use crate::common::servers::Server;
use crate::common::{DOUBT, Guest, PATIENCE, greet, greet_udp, on_machine, owner};
use crate::policy::policy;
use roost_net::{SlotPool, guest};
use roost_schemas::network::NetworkPolicy;

/// A second server on the internet.
const ELSEWHERE: &str = "198.51.100.7";

/// A machine with two servers outside, a resolver, and a guest.
struct Scene {
    machine: Machine,
    resolver: Resolver,
    _servers: [Server; 2],
    pool: SlotPool,
    guest: Guest,
}

impl Scene {
    async fn set(machine: Machine) -> Self {
        let elsewhere =
            |net: crate::common::place::Net| async move { net.address("lo", ELSEWHERE, 32).await };
        machine.internet.net(elsewhere);
        let servers = [INTERNET, ELSEWHERE]
            .map(|address| Server::start_in(&machine.internet, &format!("{address}:7000")));
        let resolver = Resolver::start_in(&machine.internet, RESOLVER);
        resolver.tell("example.com", 60, &[INTERNET]);
        resolver.tell("a.example.org", 60, &[ELSEWHERE]);
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let guest = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        Self {
            machine,
            resolver,
            _servers: servers,
            pool,
            guest,
        }
    }

    async fn apply(&self, policy: &NetworkPolicy) {
        self.pool.apply(owner("sb1", 1), policy).await.unwrap();
    }

    fn resolve(&self, name: &'static str) -> Result<Vec<Ipv4Addr>, ResponseCode> {
        self.guest.place.run(move || resolve(name)).unwrap()
    }

    fn reaches(&self, address: &str) -> bool {
        let server = format!("{address}:7000");
        self.guest.greet(&server, PATIENCE).is_ok()
    }
}

fn at(addresses: &[&str]) -> Vec<Ipv4Addr> {
    let read = |text: &&str| text.parse().expect("an address");
    addresses.iter().map(read).collect()
}

#[test]
fn a_guest_is_told_names_at_its_gateway_and_reaches_no_resolver() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        assert_eq!(scene.resolve("example.com"), Ok(at(&[INTERNET])));
        let by_tcp = scene.guest.place.run(|| resolve_tcp("EXAMPLE.com"));
        assert_eq!(
            by_tcp.unwrap(),
            Err(ResponseCode::NXDomain),
            "the resolver is asked as it was"
        );
        assert_eq!(scene.resolve("none.example.com"), Err(ResponseCode::NXDomain));
        let _other = Server::start_in(&scene.machine.internet, "10.99.0.53:5301");
        greet("10.99.0.53:5301", PATIENCE).expect("reachable from the host");
        greet_udp("10.99.0.53:5301", PATIENCE).expect("reachable from the host");
        for server in [RESOLVER, "10.99.0.53:5301"] {
            scene.guest.greet(server, DOUBT).unwrap_err();
            scene.guest.greet_udp(server, DOUBT).unwrap_err();
        }
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_resolver_on_the_machine_itself_is_asked_and_nothing_of_the_machine_is_open() {
    on_machine(|machine| async move {
        let resolver = Resolver::start("127.0.0.1:5300");
        resolver.tell("example.com", 60, &[INTERNET]);
        let mut config = machine.config("a");
        config.resolver = "127.0.0.1:5300".parse().unwrap();
        let pool = SlotPool::open(config).await.unwrap();
        let guest = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        let answer = guest.place.run(|| resolve("example.com")).unwrap();
        assert_eq!(answer, Ok(at(&[INTERNET])));
        let _open = Server::start(&format!("{PUBLIC}:5300"));
        guest.greet(&format!("{PUBLIC}:5300"), DOUBT).unwrap_err();
        guest.greet_udp(&format!("{PUBLIC}:5300"), DOUBT).unwrap_err();
        pool.purge().await.unwrap();
    });
}

#[test]
fn an_allowed_name_opens_what_it_resolves_to_and_no_more() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        for policy in [
            policy(false, &["*.example.org"], &[]),
            policy(true, &["*.example.org"], &["0.0.0.0/0"]),
        ] {
            scene.apply(&policy).await;
            assert!(!scene.reaches(ELSEWHERE), "nobody asked yet");
            assert_eq!(scene.resolve("a.example.org"), Ok(at(&[ELSEWHERE])));
            assert!(scene.reaches(ELSEWHERE) && !scene.reaches(INTERNET));
            let asked = scene.resolver.heard().len();
            for name in ["example.com", "example.org", "secret.evil.net"] {
                assert_eq!(scene.resolve(name), Err(ResponseCode::Refused), "{name}");
            }
            assert_eq!(
                scene.resolver.heard().len(),
                asked,
                "a refused question goes nowhere"
            );
            scene.apply(&NetworkPolicy::default()).await;
        }
        let denied = policy(true, &["example.com"], &["203.0.113.0/24"]);
        scene.apply(&denied).await;
        assert!(!scene.reaches(INTERNET) && scene.reaches(ELSEWHERE));
        assert_eq!(scene.resolve("example.com"), Ok(at(&[INTERNET])));
        assert!(scene.reaches(INTERNET), "allow beats deny");
        assert_eq!(
            scene.resolve("a.example.org"),
            Ok(at(&[ELSEWHERE])),
            "not closed, so it may be known"
        );
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_name_that_rebinds_reaches_nothing_private() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let _private = FORBIDDEN.map(|address| {
            scene.resolver.tell("evil.example.org", 0, &[address, ELSEWHERE]);
            Server::start_in(&scene.machine.internet, &format!("{address}:7000"))
        });
        let plan = scene.machine.config("a").validate().unwrap();
        let own = plan.addresses(scene.pool.owners()[0].1.number).unwrap();
        let of_slots = [own.host_end, own.slot_end, own.host_address].map(|address| address.to_string());
        let of_slots: Vec<_> = of_slots.iter().map(String::as_str).collect();
        let private = [
            &FORBIDDEN[..],
            &["127.0.0.1", "0.0.0.0", "255.255.255.255"],
            &of_slots,
        ]
        .concat();
        for policy in [
            NetworkPolicy::default(),
            policy(false, &["*.example.org"], &[]),
            policy(true, &["*.example.org"], &["1.0.0.0/8"]),
        ] {
            scene.apply(&policy).await;
            scene.resolver.tell("evil.example.org", 0, &[ELSEWHERE]);
            assert_eq!(scene.resolve("evil.example.org"), Ok(at(&[ELSEWHERE])));
            for address in &private {
                scene.resolver.tell("evil.example.org", 0, &[address, ELSEWHERE]);
                assert_eq!(
                    scene.resolve("evil.example.org"),
                    Ok(at(&[ELSEWHERE])),
                    "{address}"
                );
                scene.resolver.tell("evil.example.org", 0, &[address]);
                assert_eq!(scene.resolve("evil.example.org"), Ok(at(&[])), "{address}");
            }
            for address in FORBIDDEN {
                assert!(!scene.reaches(address), "{address}");
            }
        }
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_connection_outlives_its_answer_but_not_its_name() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        scene
            .apply(&policy(false, &["example.com", "*.example.org"], &[]))
            .await;
        scene.resolve("example.com").unwrap();
        scene.resolve("a.example.org").unwrap();
        let mut gone = Conversation::begin(&scene, INTERNET);
        let mut stays = Conversation::begin(&scene, ELSEWHERE);
        // As when the answers' time is over: nothing has an address any more.
        forget_addresses(&scene).await;
        gone.exchange();
        stays.exchange();
        assert!(!scene.reaches(INTERNET), "a new connection needs a new answer");

        scene.apply(&policy(false, &["*.example.org"], &[])).await;
        stays.exchange();
        gone.near.write_all(b"x").unwrap();
        gone.far.set_read_timeout(Some(DOUBT)).unwrap();
        gone.far.read_exact(&mut [0]).unwrap_err();
        let error = gone.near.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn answers_outlive_a_change_that_keeps_their_name() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        // Two names, one address.
        scene.resolver.tell("b.example.org", 60, &[INTERNET]);
        scene
            .apply(&policy(false, &["example.com", "*.example.org"], &[]))
            .await;
        for name in ["example.com", "b.example.org", "a.example.org"] {
            scene.resolve(name).unwrap();
        }
        let mut conversation = Conversation::begin(&scene, INTERNET);
        scene
            .apply(&policy(false, &["*.example.org", "9.9.9.9"], &[]))
            .await;
        assert!(scene.reaches(ELSEWHERE) && scene.reaches(INTERNET));
        conversation.exchange();
        scene.apply(&policy(false, &["9.9.9.9"], &[])).await;
        assert!(!scene.reaches(ELSEWHERE) && !scene.reaches(INTERNET));
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_restarted_host_answers_again_and_what_it_told_before_stands() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let named = policy(false, &["example.com"], &[]);
        scene.apply(&named).await;
        scene.resolve("example.com").unwrap();
        let mut conversation = Conversation::begin(&scene, INTERNET);
        let Scene {
            machine,
            mut pool,
            guest,
            resolver: _resolver,
            _servers,
        } = scene;
        let number = pool.owners()[0].1.number;
        let server = format!("{INTERNET}:7000");
        for of_another_release in [false, true] {
            pool.close().await.unwrap();
            conversation.exchange();
            guest.greet(&server, PATIENCE).unwrap();
            let asked = guest.place.run(|| resolve_within("example.com", DOUBT));
            let unanswered = asked.unwrap_err().kind();
            assert_eq!(
                unanswered,
                ErrorKind::WouldBlock,
                "told of nothing, it asks again"
            );
            if of_another_release {
                let record = machine.config("a").directory.join(format!("a/{number}.json"));
                let text = fs::read_to_string(&record).unwrap();
                let text = text.replace(r#""fingerprint":""#, r#""fingerprint":"another "#);
                fs::write(&record, text).unwrap();
            }
            pool = SlotPool::open(machine.config("a")).await.unwrap();
            guest.greet(&server, PATIENCE).unwrap();
            pool.apply(owner("sb1", 1), &named).await.unwrap();
            conversation.exchange();
            guest
                .greet(&server, PATIENCE)
                .expect("nobody has to ask for it again");
            guest.greet(&format!("{ELSEWHERE}:7000"), DOUBT).unwrap_err();
        }
        assert_eq!(
            guest.place.run(|| resolve("example.com")).unwrap(),
            Ok(at(&[INTERNET]))
        );
        guest.greet(&server, PATIENCE).unwrap();
        drop(conversation);
        pool.purge().await.unwrap();
    });
}

#[test]
fn what_is_no_question_is_survived() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let garbage: Vec<Vec<u8>> = (0..64_u8)
            .map(|n| (0..n).map(|byte| byte.wrapping_mul(n)).collect())
            .chain([vec![0xff; 1400], vec![0; 1400]])
            .collect();
        scene.guest.place.run(move || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for bytes in &garbage {
                socket.send_to(bytes, (guest::GATEWAY, guest::DNS_PORT)).unwrap();
            }
            // Connections that say nothing, and one that promises more than it sends.
            let open: Vec<_> = (0..40)
                .map(|_| TcpStream::connect_timeout(&(guest::GATEWAY, guest::DNS_PORT).into(), DOUBT))
                .collect();
            let mut speaks = open.iter().flatten();
            speaks.next().unwrap().write_all(&[0xff, 0xff, 1, 2, 3]).unwrap();
        });
        assert_eq!(scene.resolve("example.com"), Ok(at(&[INTERNET])));
        scene.pool.purge().await.unwrap();
    });
}

#[test]
fn a_change_is_carried_out_within_a_tenth_of_a_second() {
    on_machine(|machine| async move {
        let scene = Scene::set(machine).await;
        let mut took: Vec<_> = Vec::new();
        for round in 0..20 {
            let named = policy(false, &["example.com", "*.example.org"], &[]);
            let next = if round % 2 == 0 {
                named
            } else {
                policy(false, &[], &[])
            };
            let started = Instant::now();
            scene.apply(&next).await;
            took.push(started.elapsed());
        }
        took.sort();
        eprintln!("a policy is carried out after {took:?}");
        assert!(took[10] < Duration::from_millis(100), "{took:?}");
        scene.pool.purge().await.unwrap();
    });
}

/// Empties what the slot knows of names' addresses.
async fn forget_addresses(scene: &Scene) {
    let slot = scene.pool.owners().remove(0).1;
    let flush = || {
        std::process::Command::new("nft")
            .args(["flush", "map", "inet", "roost", "named"])
            .status()
    };
    let flushed = roost_net::run_inside(slot.netns, flush).await.unwrap().unwrap();
    assert!(flushed.success());
}

/// A TCP connection of the guest's, seen from both ends.
struct Conversation {
    near: TcpStream,
    far: TcpStream,
}

impl Conversation {
    fn begin(scene: &Scene, address: &'static str) -> Self {
        let listen = move || TcpListener::bind((address, 7001)).unwrap();
        let listener = scene.machine.internet.run(listen);
        let connect = move || TcpStream::connect((address, 7001)).unwrap();
        let near = scene.guest.place.run(connect);
        let (far, _) = listener.accept().unwrap();
        Self { near, far }
    }

    /// Carries a byte each way.
    fn exchange(&mut self) {
        carry(&mut self.near, &mut self.far);
        carry(&mut self.far, &mut self.near);
    }
}

fn carry(from: &mut TcpStream, to: &mut TcpStream) {
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    from.write_all(b"x").unwrap();
    to.read_exact(&mut [0]).unwrap();
}
