//! A guest goes on where it was, from one snapshot to the next.

use std::time::Duration;

use roost_runtime::port::Guests;
use roost_schemas::ProcessId;
use roost_schemas::snapshot::file;

use crate::world::{World, all, owner};

/// Two megabytes that no page repeats: on the drive, and in memory alone.
const BLOBS: &str = "head -c 2000000 /dev/urandom > /root/blob; sync; head -c 2000000 /dev/urandom > /dev/shm/blob; \
                     cat /root/blob /dev/shm/blob | sha256sum";
const SUM: &str = "cat /root/blob /dev/shm/blob | sha256sum";
/// Counts in its own memory until it is told to stop. Whoever reads the count finds one: it is replaced whole.
const COUNTER: &str = "cd /dev/shm; i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i > new; mv new count; sleep 0.05; done; echo at $i";

#[tokio::test]
async fn a_guest_goes_on_where_it_was() {
    World::with("hmcycle", async |world| {
        let first = owner("sbcycle", 1);
        let (_vm, slot) = world.boot(&first).await;
        let sum = world.says(&first, &slot, "p1", BLOBS).await;
        drop(world.start(&first, &slot, "counter", COUNTER).await);
        world
            .says(
                &first,
                &slot,
                "p2",
                "while [ ! -s /dev/shm/count ]; do sleep 0.1; done",
            )
            .await;
        let whole = world.snapshot(&first, &slot, None, "snone").await;
        world.free(&first).await;

        // Another slot's place is as good; the same sandbox wakes twice more, each time from what it was before.
        let second = owner("sbcycle", 2);
        let (_vm, slot) = world.restore(&second, &whole.snapshot).await;
        assert!(world.folder(&second).join("pager.json").exists());
        assert_eq!(world.says(&second, &slot, "p3", SUM).await, sum);
        let count = "cat /dev/shm/count";
        let before: u64 = world
            .says(&second, &slot, "p4", count)
            .await
            .trim()
            .parse()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after: u64 = world
            .says(&second, &slot, "p5", count)
            .await
            .trim()
            .parse()
            .unwrap();
        assert!(after > before, "the counter stands at {before}");
        world
            .says(
                &second,
                &slot,
                "p6",
                "rm /root/blob; echo changed > /root/note; sync",
            )
            .await;
        let diff = world
            .snapshot(&second, &slot, Some(&whole.snapshot), "sntwo")
            .await;
        assert!(
            diff.snapshot.stored_bytes * 3 < whole.snapshot.stored_bytes,
            "{} bytes after {}",
            diff.snapshot.stored_bytes,
            whole.snapshot.stored_bytes
        );
        world.free(&second).await;

        let third = owner("sbcycle", 3);
        let (_vm, slot) = world.restore(&third, &diff.snapshot).await;
        assert_eq!(
            world
                .says(&third, &slot, "p7", "cat /root/note; ls /root/blob 2>&1 || true")
                .await
                .lines()
                .next(),
            Some("changed")
        );
        let counter = ProcessId::new("counter").unwrap();
        let followed = world
            .guests
            .follow(slot.address, &third.sandbox, &counter)
            .await
            .unwrap();
        world.says(&third, &slot, "p8", "touch /dev/shm/stop").await;
        let at = all(followed).await;
        let at: u64 = at.trim().strip_prefix("at ").unwrap().parse().unwrap();
        assert!(at > after, "it was at {after} before, and ended at {at}");
        world.free(&third).await;
    })
    .await;
}

#[tokio::test]
async fn what_one_waking_wanted_is_put_in_place_for_the_next() {
    World::with("hmwork", async |world| {
        let source = owner("sbwork", 1);
        let (_vm, slot) = world.boot(&source).await;
        let sealed = world.snapshot(&source, &slot, None, "snwork").await;
        world.free(&source).await;
        let working_set = |id: &str| world.store().join(id).join(file::WORKING_SET);

        let first = owner("sbworka", 1);
        let (_vm, slot) = world.restore(&first, &sealed.snapshot).await;
        let faults = world.pager_status(&first).await.faults;
        world
            .snapshot(&first, &slot, Some(&sealed.snapshot), "snworka")
            .await;
        assert!(working_set("snwork").exists(), "a pause writes it down");
        world.free(&first).await;

        let second = owner("sbworkb", 1);
        world.restore(&second, &sealed.snapshot).await;
        let status = world.pager_status(&second).await;
        assert!(status.prefetched_pages > 0, "{status:?}");
        assert!(
            status.faults < faults,
            "{} faults, {faults} the first time",
            status.faults
        );
        world.free(&second).await;
    })
    .await;
}
