//! Messages that cross each other.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorId;
use roost_domain::fleet::View;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_runtime::host::HostMessage;
use roost_schemas::reply::{Code, Reply};
use roost_schemas::{CommandId, ProcessId};

use crate::world::{World, accepted, create, eventually, exec, id, kill, message, owner, rejected, tenant};

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_about_to_retire_takes_the_start_that_comes_for_it() {
    let world = World::new().await;
    let sandbox = id("s1");
    // An actor is asked for a sandbox that is not there, and learns so late.
    world.script.hold("read");
    let before = world.trouble.reads();
    let stray = message("stray", &exec("echo", &[]));
    let created = async {
        eventually("it has looked", || world.trouble.reads() > before).await;
        accepted(world.ask(&sandbox, &create()).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.script.release("read");
    };
    let (stray, ()) = tokio::join!(world.ask_host(&sandbox, stray), created);
    let (code, _) = rejected(stray);
    assert!(matches!(code, Code::NotFound | Code::InvalidState), "{code:?}");
    world.phase(&sandbox, Phase::Running).await;
    assert_eq!(world.actors(), 1);
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_retirement_that_is_out_of_date_is_not_believed() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let actor = world.host().get_children().remove(0).get_id();
    // Of this actor before it was told to start, and of one that was never here.
    for (actor, heard) in [(actor, 0), (ActorId::Local(u64::MAX), 1)] {
        world
            .host()
            .send_message(HostMessage::Retire { actor, heard })
            .unwrap();
    }
    world.exec(&sandbox, "echo", &[]).await;
    assert_eq!(
        (world.actors(), world.script.count("adopt")),
        (1, 0),
        "it is the same actor"
    );
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn wakes_that_are_not_needed_do_nothing() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let (head, calls) = (world.head().await, world.script.calls().len());
    for name in ["s1", "s1", "nobody"] {
        let wake = HostMessage::Wake {
            tenant: tenant(),
            sandbox: id(name),
        };
        world.host().send_message(wake).unwrap();
    }
    world.exec(&sandbox, "echo", &[]).await;
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
    eventually("nobody's actor retires", || world.actors() == 1).await;
    assert_eq!(world.head().await, head + 2);
    assert_eq!(world.script.calls().len(), calls + 1);
}

#[tokio::test(start_paused = true)]
async fn commands_for_a_sandbox_that_is_ending_are_all_answered() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let (kill, exec) = (kill(), exec("echo", &[]));
    let asked = async {
        // Spread over the release, the retirement, and the actor after it.
        let asks = (0..200).map(|n| {
            let (world, sandbox, exec) = (&world, &sandbox, &exec);
            async move {
                tokio::time::sleep(Duration::from_micros(n * 50)).await;
                world.ask(sandbox, exec).await
            }
        });
        futures::future::join_all(asks).await
    };
    let (replies, killed) = tokio::join!(asked, world.ask(&sandbox, &kill));
    accepted(killed);
    assert_eq!(replies.len(), 200);
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_of_a_former_life_is_waited_for() {
    let world = World::new().await;
    world.script.hold("boot");
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    eventually("it boots", || world.script.count("boot") == 1).await;
    // The actor dies while its step is under way; the next one's must not run beside it.
    world.host().get_children().remove(0).kill();
    let wake = HostMessage::Wake {
        tenant: tenant(),
        sandbox: sandbox.clone(),
    };
    eventually("the actor is gone", || world.actors() == 0).await;
    world.host().send_message(wake).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.script.count("claim"), 1);
    world.script.release("boot");
    world.phase(&sandbox, Phase::Running).await;
    let calls = world.script.calls().clone();
    let undone = calls.iter().position(|call| call == "release").unwrap();
    let again = calls.iter().rposition(|call| call == "claim").unwrap();
    assert!(undone < again, "{calls:?}");
}

/// On real threads and in real time: nothing is asserted of the order, only of the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_lives_at_once_leave_nothing() {
    let world = Arc::new(World::in_real_time().await);
    let lives = (0..120).map(|n| tokio::spawn(live(Arc::clone(&world), n)));
    for life in futures::future::join_all(lives).await {
        life.unwrap();
    }
    eventually("nothing is held", || world.machine.holders().is_empty()).await;
    eventually("no actor stays", || world.actors() == 0).await;
}

async fn live(world: Arc<World>, n: u64) {
    let sandbox = id(&format!("s{n}"));
    accepted(world.ask(&sandbox, &create()).await);
    match n % 5 {
        0 => {}
        1 => {
            // Another's actor may meet it instead.
            world.script.panic("append", 1);
        }
        2 => {
            let started = |view: &View<Sandbox>| (view.state.running.is_some()).then_some(());
            world.until(&sandbox, started).await;
            world.ask(&sandbox, &exec("sleep", &[])).await;
        }
        3 => {
            let started = |view: &View<Sandbox>| (view.state.running.is_some()).then_some(());
            world.until(&sandbox, started).await;
            let command = CommandId::random();
            let reply = world
                .ask_as(command.as_str(), &sandbox, &exec("echo", &["x"]))
                .await;
            if let Reply::Accepted(_) = reply {
                world
                    .output(&sandbox, &ProcessId::from_command(&sandbox, &command))
                    .await;
            }
        }
        _ => world.machine.crash_engine(&owner(&sandbox)),
    }
    world.kill(&sandbox).await;
    world
        .until(&sandbox, |view| view.state.phase.is_end().then_some(()))
        .await;
}
