//! A host's lease: taken, kept, lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::port::{Leases, Version, Written};
use roost_runtime::host::{MARGIN, Over, TTL, Tenure, Terms};
use roost_runtime::memory::Machine;
use roost_runtime::port::Clock;
use roost_schemas::lease::Lease;
use roost_schemas::{LifeId, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::world::TestClock;
use crate::world::host_id;
use crate::world::lease::Store;

struct Stand {
    store: Arc<Store>,
    machine: Machine,
    clock: Arc<TestClock>,
}

impl Stand {
    fn new() -> Self {
        let clock = Arc::new(TestClock::new());
        let machine = Machine::default();
        machine.fence(Arc::clone(&clock) as _);
        Self {
            store: Arc::default(),
            machine,
            clock,
        }
    }

    fn terms(&self, life: &LifeId) -> Terms {
        Terms {
            leases: Arc::clone(&self.store) as _,
            fence: Arc::new(self.machine.clone()),
            clock: Arc::clone(&self.clock) as _,
            host: host_id(),
            life: life.clone(),
            before: BTreeSet::new(),
            ttl: TTL,
        }
    }

    /// A tenure that is kept by a host that has nothing to sweep.
    async fn kept(&self, life: &LifeId) -> JoinHandle<Over> {
        let tenure = Tenure::take(self.terms(life)).await.unwrap();
        tokio::spawn(tenure.keep(std::future::ready(())))
    }

    async fn stands(&self) -> (Lease, Version) {
        let found = self.store.leases.read(&host_id()).await.unwrap().unwrap();
        (found.lease, found.version)
    }

    async fn write(&self, lease: &Lease) {
        let (_, version) = self.stands().await;
        let written = self.store.leases.write(&host_id(), lease, version).await.unwrap();
        assert!(matches!(written, Written::Stored(_)));
    }
}

fn life(name: &str) -> LifeId {
    LifeId::new(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_fence_opens_once_everything_is_swept_and_stays_open_while_the_lease_is_renewed() {
    let stand = Stand::new();
    let tenure = Tenure::take(stand.terms(&life("one"))).await.unwrap();
    let (swept, is_swept) = tokio::sync::oneshot::channel::<()>();
    let kept = tokio::spawn(tenure.keep(async move { is_swept.await.unwrap() }));
    sleep(3 * TTL).await;
    assert!(stand.machine.is_fenced(), "what is not swept may not run");
    let (_, renewed) = stand.stands().await;
    assert!(renewed > Version(8), "it is renewed all the same: {renewed:?}");
    swept.send(()).unwrap();
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        assert!(!stand.machine.is_fenced());
    }
    assert!(!kept.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_fence_closes_before_anybody_may_call_the_lease_over_and_opens_when_it_is_renewed() {
    let stand = Stand::new();
    let _kept = stand.kept(&life("one")).await;
    sleep(TTL).await;
    stand.store.away(true);
    let (_, last) = stand.stands().await;
    let begin = Instant::now();
    while !stand.machine.is_fenced() {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(begin.elapsed() <= TTL, "{:?}", begin.elapsed());
    assert_eq!(stand.stands().await.1, last);
    sleep(10 * TTL).await;
    stand.store.away(false);
    sleep(Duration::from_secs(1)).await;
    assert!(!stand.machine.is_fenced());
}

/// Waits until a renewal is stored whose answer is lost; nothing is in reach then.
async fn renewal_without_answer(stand: &Stand) -> (Instant, Version) {
    stand.store.mute();
    let (_, before) = stand.stands().await;
    while stand.stands().await.1 == before {
        sleep(Duration::from_millis(10)).await;
    }
    (Instant::now(), stand.stands().await.1)
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_counts_from_when_it_was_sent_first() {
    let stand = Stand::new();
    let _kept = stand.kept(&life("one")).await;
    sleep(Duration::from_secs(1)).await;
    let (seen, version) = renewal_without_answer(&stand).await;
    sleep(Duration::from_secs(3)).await;
    stand.store.away(false);
    sleep(Duration::from_secs(1)).await;
    stand.store.away(true);
    assert_eq!(
        stand.stands().await.1,
        version,
        "for others it stands still since then"
    );
    while !stand.machine.is_fenced() {
        sleep(Duration::from_millis(10)).await;
    }
    let closed = seen.elapsed();
    assert!(
        closed <= TTL && closed + Duration::from_secs(1) > TTL,
        "{closed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_old_when_it_is_known_is_followed_by_another() {
    let stand = Stand::new();
    let _kept = stand.kept(&life("one")).await;
    sleep(Duration::from_secs(1)).await;
    let (_, version) = renewal_without_answer(&stand).await;
    sleep(2 * TTL).await;
    assert!(stand.machine.is_fenced());
    stand.store.away(false);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(stand.stands().await.1, Version(version.0 + 1));
    assert!(!stand.machine.is_fenced());
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_life_held_is_taken_at_once() {
    let stand = Stand::new();
    stand.kept(&life("one")).await.abort();
    let mut terms = stand.terms(&life("two"));
    terms.before.insert(life("one"));
    let begin = Instant::now();
    assert!(Tenure::take(terms).await.is_ok());
    assert!(begin.elapsed() < Duration::from_millis(10));
    assert_eq!(*stand.stands().await.0.life(), life("two"));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_held_is_taken_when_it_is_over() {
    let stand = Stand::new();
    stand.kept(&life("one")).await.abort();
    let begin = Instant::now();
    // Nobody is silent because of a store that is away.
    stand.store.away(true);
    let take = tokio::spawn(Tenure::take(stand.terms(&life("two"))));
    sleep(10 * TTL).await;
    stand.store.away(false);
    assert!(take.await.unwrap().is_ok());
    let waited = begin.elapsed().saturating_sub(10 * TTL);
    assert!(waited >= TTL + MARGIN && waited < TTL + 2 * MARGIN, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_a_name_that_is_in_use_is_told_so() {
    let stand = Stand::new();
    let kept = stand.kept(&life("one")).await;
    match Tenure::take(stand.terms(&life("two"))).await {
        Err(Over::Taken { host, life: other }) => assert_eq!((host, other), (host_id(), life("one"))),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two agents have one name"),
    }
    assert!(!kept.is_finished() && !stand.machine.is_fenced());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_lease_ends_the_tenure_and_can_be_taken_at_once() {
    let stand = Stand::new();
    let kept = stand.kept(&life("one")).await;
    sleep(Duration::from_secs(1)).await;
    let revoked = Lease::Revoked {
        life: life("one"),
        at: Timestamp(1),
    };
    stand.write(&revoked).await;
    assert!(matches!(kept.await.unwrap(), Over::Revoked { .. }));
    assert_eq!(
        stand.stands().await.0,
        revoked,
        "it does not take back what is revoked"
    );
    sleep(TTL).await;
    assert!(stand.machine.is_fenced());
    let begin = Instant::now();
    assert!(Tenure::take(stand.terms(&life("two"))).await.is_ok());
    assert!(begin.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_tenure_whose_lease_another_agent_has_taken_is_over() {
    let stand = Stand::new();
    let kept = stand.kept(&life("one")).await;
    sleep(Duration::from_secs(1)).await;
    let other = Lease::Held {
        life: life("two"),
        ttl_ms: 20_000,
    };
    stand.write(&other).await;
    match kept.await.unwrap() {
        Over::Taken { life: taker, .. } => assert_eq!(taker, life("two")),
        over => panic!("{over}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_cannot_be_moved_ends_the_tenure() {
    let stand = Stand::new();
    stand.machine.fail("fence", 1);
    let kept = stand.kept(&life("one")).await;
    assert!(matches!(kept.await.unwrap(), Over::Fence(_)));
    assert!(stand.clock.steady() < TTL);
}
