//! An engine whose pager fails ends within a second, and so does a pager whose engine has ended.

use std::path::Path;
use std::time::{Duration, Instant};

use roost_engine::{ProcessId, Record};
use roost_runtime::port::{Engines, Vm};
use roost_schemas::Owner;
use roost_schemas::event::Cause;
use roost_schemas::snapshot::Snapshot;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::world::{World, owner};

/// How long a VM may outlive its pager.
const SECOND: Duration = Duration::from_secs(1);
/// How long the test itself may be kept from looking.
const SLACK: Duration = Duration::from_millis(500);

#[tokio::test]
async fn an_engine_does_not_outlive_its_pager() {
    World::with("hmpager", async |world| {
        let sealed = asleep(world, "sbpager").await;
        for (generation, signal) in [(2, Signal::KILL), (3, Signal::STOP)] {
            let owner = owner("sbpager", generation);
            let (vm, _) = world.restore(&owner, &sealed).await;
            dies_with_its_pager(world, &owner, &*vm, signal).await;
            world.free(&owner).await;
            assert!(!world.folder(&owner).exists());
        }
    })
    .await;
}

#[tokio::test]
async fn a_restarted_host_takes_engine_and_pager_back() {
    World::with("hmadopt", async |world| {
        let sealed = asleep(world, "sbadopt").await;

        // Both live on, and are watched as before.
        let second = owner("sbadopt", 2);
        let (_, slot) = world.restore(&second, &sealed).await;
        let reborn = world.reborn();
        let vm = reborn.adopt(&second).await.unwrap().expect("it runs");
        assert_eq!(world.says(&second, &slot, "p1", "echo here").await, "here\n");
        assert!(!reborn.is_paused(&second).await.unwrap());
        dies_with_its_pager(world, &second, &*vm, Signal::KILL).await;
        reborn.destroy(&second).await.unwrap();

        // The pager was lost while there was no host.
        let third = owner("sbadopt", 3);
        world.restore(&third, &sealed).await;
        let pager = pager(&world.folder(&third));
        stop_engine_and_kill_pager(&world.folder(&third), &pager);
        let reborn = world.reborn();
        let vm = reborn.adopt(&third).await.unwrap().expect("it is told of");
        let cause = timeout(SECOND + SLACK, vm.exited()).await.expect("it ends");
        assert!(matches!(&cause, Cause::PagerDied { .. }), "{cause:?}");
        reborn.destroy(&third).await.unwrap();

        // An engine that ends by itself takes its pager along, and it is the engine that is told of.
        let fourth = owner("sbadopt", 4);
        world.restore(&fourth, &sealed).await;
        let reborn = world.reborn();
        let vm = reborn.adopt(&fourth).await.unwrap().expect("it runs");
        signal(&engine(&world.folder(&fourth)), Signal::KILL);
        let cause = timeout(SECOND + SLACK, vm.exited()).await.expect("it ends");
        assert!(matches!(&cause, Cause::EngineExited { .. }), "{cause:?}");
        let left = reborn.owners().await.unwrap();
        assert!(left.contains(&fourth), "{left:?}");
        reborn.destroy(&fourth).await.unwrap();
        assert!(reborn.adopt(&fourth).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_was_started_and_never_recorded_is_found_and_destroyed() {
    World::with("hmorphan", async |world| {
        let sealed = asleep(world, "sborphan").await;
        // A host can be killed before it has recorded the engine, or even the pager.
        for (generation, lost) in [(2, &["engine.json"][..]), (3, &["engine.json", "pager.json"][..])] {
            let owner = owner("sborphan", generation);
            world.restore(&owner, &sealed).await;
            let folder = world.folder(&owner);
            let (engine, pager) = (engine(&folder), pager(&folder));
            for record in lost {
                std::fs::remove_file(folder.join(record)).unwrap();
            }
            let reborn = world.reborn();
            assert!(reborn.owners().await.unwrap().contains(&owner));
            reborn.destroy(&owner).await.unwrap();
            assert!(!runs(&engine) && !runs(&pager), "{lost:?}");
            assert!(!folder.exists());
        }
    })
    .await;
}

#[tokio::test]
async fn what_has_records_that_make_no_sense_is_taken_back_all_the_same() {
    World::with("hmgarbled", async |world| {
        let sealed = asleep(world, "sbgarbled").await;
        let owner = owner("sbgarbled", 2);
        let (_, slot) = world.restore(&owner, &sealed).await;
        let folder = world.folder(&owner);
        let before = engine(&folder);
        for record in ["engine.json", "pager.json"] {
            std::fs::write(folder.join(record), "{\"pid\":").unwrap();
        }
        let reborn = world.reborn();
        let vm = reborn.adopt(&owner).await.unwrap().expect("it runs");
        assert_eq!(world.says(&owner, &slot, "p1", "echo here").await, "here\n");
        assert_eq!(engine(&folder), before, "it is recorded anew");
        // The pager is watched as any other.
        dies_with_its_pager(world, &owner, &*vm, Signal::KILL).await;
        reborn.destroy(&owner).await.unwrap();
        assert!(!folder.exists());
    })
    .await;
}

#[tokio::test]
async fn a_silent_engine_is_told_from_one_that_refuses() {
    World::with("hmsilent", async |world| {
        let owner = owner("sbsilent", 1);
        world.boot(&owner).await;
        let process = engine(&world.folder(&owner));
        signal(&process, Signal::STOP);
        let began = Instant::now();
        let fault = world.engines.is_paused(&owner).await.unwrap_err();
        assert!(fault.timed_out && began.elapsed() < 5 * SECOND, "{fault}");
        signal(&process, Signal::CONT);
        assert!(!world.engines.is_paused(&owner).await.unwrap());
        world.free(&owner).await;
        let fault = world.engines.is_paused(&owner).await.unwrap_err();
        assert!(!fault.timed_out, "{fault}");
    })
    .await;
}

/// Lets a fresh guest fall asleep, and everything of it be freed.
async fn asleep(world: &World, name: &str) -> Snapshot {
    let first = owner(name, 1);
    let (_vm, slot) = world.boot(&first).await;
    let sealed = world.snapshot(&first, &slot, None, &format!("sn{name}")).await;
    world.free(&first).await;
    sealed.snapshot
}

/// Sends `deadly` to the pager of `owner` and expects the engine's end to be told within a second.
async fn dies_with_its_pager(world: &World, owner: &Owner, vm: &dyn Vm, deadly: Signal) {
    let folder = world.folder(owner);
    let engine = engine(&folder);
    signal(&pager(&folder), deadly);
    let began = Instant::now();
    let cause = timeout(SECOND + SLACK, vm.exited()).await.expect("it ends");
    assert!(matches!(&cause, Cause::PagerDied { .. }), "{deadly:?}: {cause:?}");
    assert!(!runs(&engine), "the engine runs on after {:?}", began.elapsed());
}

/// A frozen engine cannot see that its pager goes; it runs on afterwards, and would stand still at its next fault.
fn stop_engine_and_kill_pager(folder: &Path, pager: &ProcessId) {
    let engine = engine(folder);
    signal(&engine, Signal::STOP);
    signal(pager, Signal::KILL);
    while runs(pager) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn engine(folder: &Path) -> ProcessId {
    Record::read(folder).unwrap().expect("a record").process
}

fn pager(folder: &Path) -> ProcessId {
    let record = std::fs::read(folder.join("pager.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    serde_json::from_value(record["process"].clone()).unwrap()
}

fn signal(process: &ProcessId, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process.pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether a process is there and no zombie.
fn runs(process: &ProcessId) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid));
    let state = stat
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with('Z')));
    state == Some(false)
}
