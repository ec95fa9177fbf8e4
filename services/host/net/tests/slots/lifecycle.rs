//! What a pool makes, keeps, finds again and takes away.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::guest::attach_to;
use crate::common::names::{Resolver, resolve};
use crate::common::servers::Server;
use crate::common::{Guest, PATIENCE, greet, on_machine, owner};
use futures::future::join_all;
use roost_net::{Config, Error, SlotPool, Step};

async fn warm_up(pool: &SlotPool, count: usize) {
    let started = Instant::now();
    while pool.warm() != count {
        assert!(
            started.elapsed() < PATIENCE * 4,
            "{} warm slots instead of {count}",
            pool.warm()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// As after a crash of the host: its memory is gone, the machine is as it was.
async fn crash(pool: SlotPool, config: &Config) -> SlotPool {
    drop(pool);
    let started = Instant::now();
    loop {
        match SlotPool::open(config.clone()).await {
            // A slot under construction keeps the old pool's lock until it is done, as no real crash does.
            Err(Error::TagInUse { .. }) if started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn nothing_is_left_of_slots_that_were_used() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let mut config = machine.config("a");
        config.warm = 2;
        let pool = SlotPool::open(config).await.unwrap();
        warm_up(&pool, 2).await;
        let quiet = machine.inventory().await;
        for round in 0..3 {
            let owners: Vec<_> = (0..4).map(|n| owner(&format!("sb{n}"), round)).collect();
            let slots = join_all(owners.iter().map(|owner| pool.claim(owner.clone()))).await;
            // An engine that opened the TAP and is gone.
            drop(attach_to(slots[0].as_ref().unwrap()).await);
            for released in join_all(owners.iter().map(|owner| pool.release(owner.clone()))).await {
                released.unwrap();
            }
            assert_eq!(pool.owners(), []);
            warm_up(&pool, 2).await;
            assert_eq!(machine.inventory().await.len(), quiet.len());
        }
        pool.close().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn purging_takes_claimed_slots_too() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let _engine = attach_to(&slot).await;
        pool.purge().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn claims_and_releases_can_be_repeated() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let claims = join_all((0..4).map(|_| pool.claim(owner("sb1", 1)))).await;
        let numbers: BTreeSet<_> = claims.into_iter().map(|slot| slot.unwrap().number).collect();
        assert_eq!(
            numbers.len(),
            1,
            "one owner has one slot, however often and however fast it asks"
        );
        let newer = pool.claim(owner("sb1", 2)).await.unwrap();
        assert!(
            !numbers.contains(&newer.number),
            "another generation is another owner"
        );

        pool.release(owner("sb1", 1)).await.unwrap();
        pool.release(owner("sb1", 1)).await.unwrap();
        pool.release(owner("never", 1)).await.unwrap();
        assert_eq!(pool.owners(), [(owner("sb1", 2), newer)]);

        // Claims and releases that meet take turns; the last word counts.
        join_all((0..6).map(|turn| {
            let pool = pool.clone();
            async move {
                if turn % 2 == 0 {
                    pool.claim(owner("sb3", 1)).await.map(drop)
                } else {
                    pool.release(owner("sb3", 1)).await
                }
            }
        }))
        .await
        .into_iter()
        .for_each(|result| result.unwrap());
        pool.release(owner("sb3", 1)).await.unwrap();
        assert_eq!(pool.owners().len(), 1);
        pool.clone().purge().await.unwrap();
        assert!(matches!(pool.claim(owner("sb4", 1)).await, Err(Error::Closed(_))));
    });
}

#[test]
fn a_caller_that_goes_away_leaves_nothing_half_done() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let abandoned = tokio::time::timeout(Duration::from_millis(1), pool.claim(owner("sb1", 1))).await;
        assert!(abandoned.is_err(), "making a slot takes longer than that");
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        assert_eq!(pool.owners(), [(owner("sb1", 1), slot)]);
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_restarted_host_finds_its_slots_and_their_guests_go_on() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let mut config = machine.config("a");
        config.warm = 1;
        let pool = SlotPool::open(config.clone()).await.unwrap();
        let slot = pool.claim(owner("sb1", 7)).await.unwrap();
        warm_up(&pool, 1).await;
        let guest = Guest::boot(&slot).await;
        let _server = Server::start_in(&guest.place, "0.0.0.0:7000");
        let _internet = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let running = machine.inventory().await;

        let pool = crash(pool, &config).await;
        assert_eq!(pool.owners(), [(owner("sb1", 7), slot.clone())]);
        warm_up(&pool, 1).await;
        assert_eq!(machine.inventory().await, running, "nothing was made anew");
        assert_eq!(pool.claim(owner("sb1", 7)).await.unwrap(), slot);

        // A host of another version gives its rules, and another resolver, to the guests it has.
        let resolver = Resolver::start_in(&machine.internet, "203.0.113.10:5333");
        resolver.tell("example.com", 60, &["203.0.113.10"]);
        config.resolver = "203.0.113.10:5333".parse().unwrap();
        machine.age("a", slot.number);
        let pool = crash(pool, &config).await;
        let told = guest.place.run(|| resolve("example.com")).unwrap();
        assert_eq!(told, Ok(vec!["203.0.113.10".parse().unwrap()]));
        greet(&format!("{}:7000", slot.host_address), PATIENCE).unwrap();
        guest.greet("203.0.113.10:7000", PATIENCE).unwrap();

        drop(guest);
        pool.release(owner("sb1", 7)).await.unwrap();
        pool.close().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn closing_leaves_claimed_slots_for_the_next_start() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let mut config = machine.config("a");
        config.warm = 1;
        let pool = SlotPool::open(config.clone()).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        pool.close().await.unwrap();
        let pool = SlotPool::open(config).await.unwrap();
        assert_eq!(pool.owners(), [(owner("sb1", 1), slot)]);
        pool.purge().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn debris_of_every_kind_is_destroyed_at_the_next_start() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let config = machine.config("a");
        let folder = config.directory.join("a");
        let pool = SlotPool::open(config.clone()).await.unwrap();
        let [whole, no_record, no_file] = [1, 2, 3]
            .map(|n| owner(&format!("sb{n}"), 1))
            .map(|owner| pool.claim(owner));
        let (whole, no_record, no_file) = (
            whole.await.unwrap(),
            no_record.await.unwrap(),
            no_file.await.unwrap(),
        );
        let record = |number| folder.join(format!("{number}.json"));
        std::fs::remove_file(record(no_record.number)).unwrap();
        nix::mount::umount2(&no_file.netns, nix::mount::MntFlags::MNT_DETACH).unwrap();
        std::fs::remove_file(&no_file.netns).unwrap();
        std::fs::remove_file(record(no_file.number)).unwrap();
        std::fs::write(folder.join("4000.netns"), "").unwrap();
        std::fs::write(record(4001), "{").unwrap();
        std::fs::write(record(99_999), "{}").unwrap();

        let pool = crash(pool, &config).await;
        assert_eq!(pool.owners(), [(owner("sb1", 1), whole.clone())]);
        pool.release(owner("sb1", 1)).await.unwrap();
        pool.close().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn a_failure_at_any_step_leaves_nothing() {
    on_machine(|machine| async move {
        for step in Step::ALL {
            let mut config = machine.config("a");
            config.step_hook = Some(fail_at(step));
            let pool = SlotPool::open(config).await.unwrap();
            let quiet = machine.inventory().await;
            let error = pool.claim(owner("sb1", 1)).await.unwrap_err();
            assert!(
                matches!(error, Error::Make { step: failed, .. } if failed == step),
                "{error}"
            );
            assert_eq!(machine.inventory().await, quiet, "after failing at: {step}");
            assert_eq!(pool.owners(), []);
            pool.close().await.unwrap();
        }
    });
}

fn fail_at(step: Step) -> roost_net::StepHook {
    Arc::new(move |_, next| {
        if next == step {
            Err(io::Error::other("injected"))
        } else {
            Ok(())
        }
    })
}

#[test]
fn a_step_that_panics_is_an_error_and_its_remains_go_at_the_next_start() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let mut config = machine.config("a");
        config.step_hook = Some(Arc::new(|_, step| {
            if step == Step::Tap {
                panic!("injected")
            } else {
                Ok(())
            }
        }));
        let pool = SlotPool::open(config.clone()).await.unwrap();
        assert!(matches!(
            pool.claim(owner("sb1", 1)).await,
            Err(Error::WorkerDied(_))
        ));
        config.step_hook = None;
        let pool = crash(pool, &config).await;
        pool.claim(owner("sb1", 1)).await.unwrap();
        pool.release(owner("sb1", 1)).await.unwrap();
        pool.close().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn hosts_on_one_machine_share_its_slot_numbers() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let small = |tag: &str| {
            let mut config = machine.config(tag);
            // Eight numbers for both: they are bound to contend for them.
            config.veth_range = "10.12.0.0/28".parse().unwrap();
            config
        };
        let (one, two) = (
            SlotPool::open(small("a")).await.unwrap(),
            SlotPool::open(small("b")).await.unwrap(),
        );
        let claims = (0..4).flat_map(|n| [(&one, n), (&two, n)]);
        let slots = join_all(claims.map(|(pool, n)| pool.claim(owner(&format!("sb{n}"), 1)))).await;
        let numbers: BTreeSet<_> = slots.into_iter().map(|slot| slot.unwrap().number).collect();
        assert_eq!(numbers, (0..8).collect());

        let error = one.claim(owner("sb9", 1)).await.unwrap_err().to_string();
        assert!(
            error.contains("10.12.0.0/28") && error.contains("4 are this host's and 4 belong to"),
            "{error}"
        );
        two.purge().await.unwrap();
        one.claim(owner("sb9", 1))
            .await
            .expect("the other host's numbers are free again");
        assert_eq!(one.owners().len(), 5);
        one.purge().await.unwrap();
        assert_eq!(machine.inventory().await, before);
    });
}

#[test]
fn released_numbers_are_used_again_and_failures_cost_none() {
    on_machine(|machine| async move {
        let mut config = machine.config("a");
        config.veth_range = "10.12.0.0/30".parse().unwrap();
        config.step_hook = Some(fail_first_slots(3));
        let pool = SlotPool::open(config).await.unwrap();
        for _ in 0..3 {
            pool.claim(owner("sb1", 1)).await.unwrap_err();
        }
        for round in 0..3 {
            for sandbox in ["sb1", "sb2"] {
                pool.claim(owner(sandbox, round)).await.unwrap();
            }
            for sandbox in ["sb1", "sb2"] {
                pool.release(owner(sandbox, round)).await.unwrap();
            }
        }
        pool.close().await.unwrap();
    });
}

fn fail_first_slots(count: usize) -> roost_net::StepHook {
    let failures = AtomicUsize::new(0);
    Arc::new(move |_, step| {
        if step == Step::HostEnd && failures.fetch_add(1, Ordering::Relaxed) < count {
            return Err(io::Error::other("injected"));
        }
        Ok(())
    })
}

#[test]
fn the_first_and_the_last_number_work() {
    on_machine(|machine| async move {
        let mut config = machine.config("a");
        config.veth_range = "10.12.255.252/30".parse().unwrap();
        config.host_range = "10.11.0.0/31".parse().unwrap();
        let pool = SlotPool::open(config).await.unwrap();
        for n in 0..2 {
            let slot = pool.claim(owner(&format!("sb{n}"), 1)).await.unwrap();
            let guest = Guest::boot(&slot).await;
            let _server = Server::start_in(&guest.place, "0.0.0.0:7000");
            greet(&format!("{}:7000", slot.host_address), PATIENCE).unwrap();
        }
        assert!(matches!(
            pool.claim(owner("sb2", 1)).await,
            Err(Error::Exhausted {
                capacity: 2,
                used: 2,
                foreign: 0,
                ..
            })
        ));
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_pool_that_cannot_work_is_refused() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        refused(machine.config("a"), "host tag a is in use").await;
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();

        let mut overlapping = machine.config("b");
        overlapping.veth_range = "203.0.113.0/24".parse().unwrap();
        refused(
            overlapping,
            "203.0.113.1 on link uplink lies in the slot range 203.0.113.0/24",
        )
        .await;
        let mut shifted = machine.config("b");
        shifted.veth_range = "10.12.0.0/15".parse().unwrap();
        shifted.host_range = "10.20.0.0/16".parse().unwrap();
        // 10.12.0.0/15 numbers its pairs as 10.12.0.0/16 does: not a clash. One that starts elsewhere numbers them differently.
        SlotPool::open(shifted.clone())
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        shifted.veth_range = "10.8.0.0/13".parse().unwrap();
        refused(
            shifted,
            &format!(
                "on link roost-v{} lies in the slot range 10.8.0.0/13",
                slot.number
            ),
        )
        .await;
        let mut no_nft = machine.config("c");
        no_nft.nft = "/nowhere/nft".into();
        refused(no_nft, "cannot run /nowhere/nft").await;
        pool.purge().await.unwrap();
    });
}

async fn refused(config: Config, why: &str) {
    let error = SlotPool::open(config).await.unwrap_err();
    let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let text: Vec<_> = chain.map(ToString::to_string).collect();
    assert!(text.join(": ").contains(why), "{text:?}");
}

#[test]
fn a_pool_that_could_not_open_leaves_nothing() {
    on_machine(|machine| async move {
        let before = machine.inventory().await;
        let mut config = machine.config("a");
        config.nft = "/nowhere/nft".into();
        SlotPool::open(config).await.unwrap_err();
        assert_eq!(machine.inventory().await, before);
    });
}
