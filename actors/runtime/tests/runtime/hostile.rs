//! Commands from whoever can write to the queue: of other tenants, of other times, made up. Each is refused with a word, and
//! leaves no trace.

use std::time::Duration;

use bytes::Bytes;
use roost_domain::sandbox::Phase;
use roost_journal::port::{Message, Queue};
use roost_schemas::command::{HostDown, SandboxCommand};
use roost_schemas::reply::{Code, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, Generation, SandboxId, TenantId};

use crate::world::{
    PATIENCE, World, accepted, create, eventually, exec, host_id, id, kill, message, owner, rejected, start,
};

fn down(generation: u64) -> SandboxCommand {
    SandboxCommand::HostDown(HostDown {
        generation: Generation(generation),
    })
}

/// Asks as another tenant.
async fn ask_as_other(world: &World, route: Route, sandbox: &SandboxId, command: &SandboxCommand) -> Reply {
    let subject = CommandSubject {
        tenant: TenantId::new("other").unwrap(),
        route,
        sandbox: sandbox.clone(),
    };
    let message = message(CommandId::random().as_str(), command);
    let asked = world.memory.queue().request(&subject, message, PATIENCE).await;
    asked.unwrap()
}

#[tokio::test(start_paused = true)]
async fn another_tenant_s_sandbox_is_none() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let head = world.head().await;
    for command in [kill(), exec("echo", &[]), start(1), down(1)] {
        for route in [Route::Any, Route::Host(host_id())] {
            let (code, sentence) = rejected(ask_as_other(&world, route, &sandbox, &command).await);
            assert_eq!(code, Code::NotFound, "{command:?}: {sentence}");
        }
    }
    // Its id is not to be had either: hosts know VMs by it.
    let taken = ask_as_other(&world, Route::Any, &sandbox, &create()).await;
    assert_eq!(rejected(taken).0, Code::Conflict);
    assert_eq!(world.head().await, head);
    world.phase(&sandbox, Phase::Running).await;

    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    let taken = ask_as_other(&world, Route::Any, &sandbox, &create()).await;
    assert_eq!(
        rejected(taken).0,
        Code::Conflict,
        "what has ended may not be released yet"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_talks_a_host_down() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let head = world.head().await;
    for (generation, words) in [(1, "h1"), (0, "generation 0"), (9, "generation 9")] {
        for route in [Route::Any, Route::Host(host_id())] {
            let forged = message(CommandId::random().as_str(), &down(generation));
            let (code, sentence) = rejected(world.request(route, &sandbox, forged).await.unwrap());
            assert_eq!(code, Code::InvalidState, "{sentence}");
            assert!(sentence.contains("h1") || sentence.contains(words), "{sentence}");
        }
    }
    assert_eq!(world.head().await, head);
    let process = world.exec(&sandbox, "echo", &["still here"]).await;
    world.output(&sandbox, &process).await;
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_has_ended_stays_so_whatever_comes() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    let head = world.head().await;
    let boots = world.script.count("boot");
    for command in [exec("echo", &[]), start(0), start(2)] {
        for route in [Route::Any, Route::Host(host_id())] {
            let late = message(CommandId::random().as_str(), &command);
            let (code, sentence) = rejected(world.request(route, &sandbox, late).await.unwrap());
            assert_eq!(code, Code::InvalidState, "{command:?}: {sentence}");
        }
    }
    let again = world.ask(&sandbox, &create()).await;
    assert_eq!(rejected(again).0, Code::Conflict);
    assert_eq!(world.head().await, head);
    assert_eq!(world.script.count("boot"), boots);
    assert!(!world.machine.holders().contains(&owner(&sandbox)));
    eventually("no actor stays for it", || world.actors() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_replayed_and_reordered_takes_effect_once() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let first = accepted(world.ask_as("k1", &sandbox, &exec("echo", &["a"])).await);
    let (echo, kill) = (message("k1", &exec("echo", &["a"])), message("k2", &kill()));
    // Each time with an inbox of its own, so that the queue does not know it for the same.
    let replay = async |message: &Message, times: usize| {
        let mut replies = Vec::new();
        for _ in 0..times {
            replies.push(world.ask_host(&sandbox, message.clone()).await);
        }
        replies
    };
    for reply in replay(&echo, 20).await {
        assert_eq!(accepted(reply).sequence, first.sequence);
    }
    accepted(replay(&kill, 1).await.remove(0));
    // From before the kill, after it.
    for reply in replay(&echo, 20).await {
        assert_eq!(accepted(reply).sequence, first.sequence);
    }
    replay(&kill, 20).await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert_eq!(world.script.count("run"), 1);
    let kinds = world.kinds(&sandbox).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "process_started").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "stopping").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn garbage_without_end_is_refused_to_its_end() {
    let world = World::new().await;
    let bystander = world.running("s1").await;
    let head = world.head().await;
    let noise = |n: usize| {
        let bytes: Vec<u8> = (0..n % 97)
            .map(|i| u8::try_from((n * 31 + i * 7) % 256).unwrap())
            .collect();
        Message {
            body: Bytes::from(bytes),
            ..message(&format!("noise-{n}"), &kill())
        }
    };
    for n in 0..2000 {
        // Half of it for sandboxes that never were.
        let sandbox = if n % 2 == 0 {
            bystander.clone()
        } else {
            id(&format!("n{}", n % 300))
        };
        let route = if n % 3 == 0 {
            Route::Any
        } else {
            Route::Host(host_id())
        };
        let (code, sentence) = rejected(world.request(route, &sandbox, noise(n)).await.unwrap());
        assert_eq!(code, Code::InvalidRequest, "{sentence}");
    }
    assert_eq!(world.head().await, head);
    eventually("only the bystander's actor stays", || world.actors() == 1).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.phase(&bystander, Phase::Running).await;
}
