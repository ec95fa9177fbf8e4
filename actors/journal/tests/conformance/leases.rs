//! Leases on both adapters, and what only a real server can show.

use std::time::{Duration, Instant};

use roost_journal::jetstream::{Options, connect};
use roost_journal::port::{Found, LeaseError, Leases, Version, Written};
use roost_journal::testing::{NatsServer, Proxy};
use roost_schemas::lease::Lease;
use roost_schemas::{HostId, LifeId, Timestamp};

use crate::on_both;
use crate::world::{PATIENCE, World};

on_both!(
    a_lease_is_taken_and_renewed_by_who_has_seen_it,
    who_has_not_seen_the_last_record_is_told_what_it_is,
    hosts_do_not_disturb_each_other,
    of_many_who_take_at_once_one_has_it,
    the_same_record_again_is_another_record,
);

fn host(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

fn held(life: &str) -> Lease {
    Lease::Held {
        life: LifeId::new(life).unwrap(),
        ttl_ms: 20_000,
    }
}

fn revoked(life: &str) -> Lease {
    Lease::Revoked {
        life: LifeId::new(life).unwrap(),
        at: Timestamp(7),
    }
}

async fn stored(leases: &dyn Leases, host: &HostId, lease: &Lease, over: Version) -> Version {
    match leases.write(host, lease, over).await.unwrap() {
        Written::Stored(version) => version,
        Written::Overtaken(found) => panic!("overtaken by {found:?}"),
    }
}

async fn a_lease_is_taken_and_renewed_by_who_has_seen_it(world: World) {
    let (leases, h1) = (world.leases, host("h1"));
    assert_eq!(leases.read(&h1).await.unwrap(), None);
    assert!(leases.all().await.unwrap().is_empty());
    let mut version = Version::default();
    for lease in [held("one"), held("one"), revoked("one"), held("two")] {
        let before = version;
        version = stored(&*leases, &h1, &lease, before).await;
        assert!(version > before);
        let found = Found { lease, version };
        assert_eq!(leases.read(&h1).await.unwrap(), Some(found.clone()));
        assert_eq!(leases.all().await.unwrap(), [(h1.clone(), found)].into());
    }
}

async fn who_has_not_seen_the_last_record_is_told_what_it_is(world: World) {
    let (leases, h1) = (world.leases, host("h1"));
    let first = stored(&*leases, &h1, &held("one"), Version::default()).await;
    let version = stored(&*leases, &h1, &revoked("one"), first).await;
    let lease = revoked("one");
    for over in [Version::default(), first, Version(version.0 + 1)] {
        let written = leases.write(&h1, &held("one"), over).await.unwrap();
        let lease = lease.clone();
        assert_eq!(
            written,
            Written::Overtaken(Some(Found { lease, version })),
            "{over:?}"
        );
    }
    assert_eq!(leases.read(&h1).await.unwrap(), Some(Found { lease, version }));
    let none = leases.write(&host("h2"), &held("one"), version).await.unwrap();
    assert_eq!(none, Written::Overtaken(None));
}

async fn hosts_do_not_disturb_each_other(world: World) {
    let leases = world.leases;
    let names: Vec<HostId> = (0..20).map(|number| host(&format!("h{number}"))).collect();
    let mut versions = Vec::new();
    for name in &names {
        versions.push(stored(&*leases, name, &held(name.as_str()), Version::default()).await);
    }
    for (name, version) in names.iter().zip(versions) {
        stored(&*leases, name, &held("next"), version).await;
    }
    let all = leases.all().await.unwrap();
    assert_eq!(all.len(), names.len());
    assert!(all.values().all(|found| found.lease == held("next")));
}

async fn of_many_who_take_at_once_one_has_it(world: World) {
    let h1 = host("h1");
    let tries = (0..16).map(|number| {
        let (leases, h1) = (world.leases.clone(), h1.clone());
        tokio::spawn(async move {
            let lease = held(&format!("life{number}"));
            let written = leases.write(&h1, &lease, Version::default()).await.unwrap();
            (lease, written)
        })
    });
    let mut winners = Vec::new();
    for tried in futures::future::join_all(tries).await {
        if let (lease, Written::Stored(version)) = tried.unwrap() {
            winners.push(Found { lease, version });
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(world.leases.read(&h1).await.unwrap(), winners.pop());
}

/// A watcher tells by the version that somebody lives.
async fn the_same_record_again_is_another_record(world: World) {
    let (leases, h1) = (world.leases, host("h1"));
    let mut version = Version::default();
    for _ in 0..50 {
        let next = stored(&*leases, &h1, &held("one"), version).await;
        assert!(next > version);
        version = next;
    }
}

#[tokio::test]
async fn leases_outlive_a_server_that_is_killed() {
    let mut server = NatsServer::start();
    let log = connect(server.options()).await.unwrap();
    let (leases, h1) = (log.leases(), host("h1"));
    let mut version = Version::default();
    for _ in 0..3 {
        version = stored(&leases, &h1, &held("one"), version).await;
        server.kill();
        server.restart();
        let deadline = Instant::now() + PATIENCE;
        let found = loop {
            match leases.read(&h1).await {
                Ok(found) => break found,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        let lease = held("one");
        assert_eq!(found, Some(Found { lease, version }));
    }
}

/// Who holds a lease must hear soon that it could not be renewed.
#[tokio::test]
async fn a_server_that_is_away_or_silent_is_told_soon() {
    let mut server = NatsServer::start();
    let proxy = Proxy::start(server.port()).await;
    let options = Options {
        url: proxy.url(),
        ..server.options()
    };
    let log = connect(options).await.unwrap();
    let (leases, h1) = (log.leases(), host("h1"));
    let version = stored(&leases, &h1, &held("one"), Version::default()).await;
    proxy.mute();
    unavailable(&leases, &h1, version).await;
    server.kill();
    unavailable(&leases, &h1, version).await;
    server.restart();
}

async fn unavailable(leases: &dyn Leases, host: &HostId, version: Version) {
    let begin = Instant::now();
    let written = leases.write(host, &held("one"), version).await;
    assert!(
        matches!(&written, Err(LeaseError::Unavailable { .. })),
        "{written:?}"
    );
    let read = leases.read(host).await;
    assert!(matches!(&read, Err(LeaseError::Unavailable { .. })), "{read:?}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_counts_when_it_is_tried_again() {
    let server = NatsServer::start();
    let proxy = Proxy::start(server.port()).await;
    let options = Options {
        url: proxy.url(),
        ..server.options()
    };
    let log = connect(options).await.unwrap();
    let sound = connect(server.options()).await.unwrap().leases();
    let (leases, h1) = (log.leases(), host("h1"));
    let version = stored(&leases, &h1, &held("one"), Version::default()).await;
    proxy.mute();
    let lost = leases.write(&h1, &held("one"), version).await;
    assert!(matches!(lost, Err(LeaseError::Unavailable { .. })), "{lost:?}");
    let found = sound.read(&h1).await.unwrap().unwrap();
    assert!(found.version > version, "it is stored all the same");
    proxy.cut();
    let deadline = Instant::now() + PATIENCE;
    let again = loop {
        match leases.write(&h1, &held("one"), version).await {
            Ok(written) => break written,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(again, Written::Stored(found.version));
    // It is no use to whoever has another life, or has it no more.
    let other = leases.write(&h1, &held("two"), version).await.unwrap();
    assert!(matches!(other, Written::Overtaken(Some(_))), "{other:?}");
}
