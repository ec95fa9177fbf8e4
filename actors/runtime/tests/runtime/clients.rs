//! Commands of tenants' own clients: as many as their tenant may send, as nobody but their tenant, and for nothing that is not theirs.

use std::time::Duration;

use futures::future::join_all;
use roost_domain::sandbox::Phase;
use roost_journal::port::Queue;
use roost_schemas::command::{ChangeTenant, SandboxCommand, TenantChange};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::reply::{Code, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::tenant::Limits;
use roost_schemas::{CommandId, SandboxId, TenantId, command};

use crate::world::{PATIENCE, World, accepted, create, id, kill, message, rejected, resume, start};

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn change(tenant: &TenantId, change: TenantChange) -> SandboxCommand {
    let tenant = tenant.clone();
    SandboxCommand::Tenant(ChangeTenant { tenant, change })
}

/// Asks as a client of `tenant`.
async fn ask_as(
    world: &World,
    tenant: &TenantId,
    command_id: &str,
    sandbox: &SandboxId,
    command: &SandboxCommand,
) -> Reply {
    send(world, Route::Client, tenant, command_id, sandbox, command).await
}

async fn ask(world: &World, tenant: &TenantId, sandbox: &SandboxId, command: &SandboxCommand) -> Reply {
    ask_as(world, tenant, CommandId::random().as_str(), sandbox, command).await
}

async fn send(
    world: &World,
    route: Route,
    tenant: &TenantId,
    command_id: &str,
    sandbox: &SandboxId,
    command: &SandboxCommand,
) -> Reply {
    let subject = CommandSubject {
        tenant: tenant.clone(),
        route,
        sandbox: sandbox.clone(),
    };
    let (message, queue) = (message(command_id, command), world.memory.queue());
    queue.request(&subject, message, PATIENCE).await.unwrap()
}

/// Lets there be a tenant that may send so many commands in a second.
async fn made(world: &World, name: &str, requests_per_sec: Option<u32>) -> TenantId {
    let tenant = tenant(name);
    let limits = Limits {
        requests_per_sec,
        ..Limits::default()
    };
    let create = change(&tenant, TenantChange::Create(limits));
    let (system, place) = (TenantId::system(), id("tenants"));
    accepted(
        send(
            world,
            Route::Any,
            &system,
            CommandId::random().as_str(),
            &place,
            &create,
        )
        .await,
    );
    tenant
}

#[tokio::test(start_paused = true)]
async fn a_client_sends_as_many_in_a_second_as_its_tenant_may() {
    let world = World::new().await;
    let acme = made(&world, "acme", Some(3)).await;
    let other = made(&world, "other", None).await;
    let flood = |tenant: TenantId| {
        let world = &world;
        async move {
            let (nothing, kill) = (id("nothing"), kill());
            let sent = (0..20).map(|_| ask(world, &tenant, &nothing, &kill));
            let answers: Vec<_> = join_all(sent).await.into_iter().map(rejected).collect();
            let refused = |(code, _): &&(Code, String)| *code == Code::LimitExceeded;
            let words = answers.iter().find(refused).map(|(_, words)| words.clone());
            (20 - answers.iter().filter(refused).count(), words)
        }
    };
    let (passed, words) = flood(acme.clone()).await;
    assert_eq!(passed, 3);
    let words = words.unwrap();
    assert!(words.contains("limit of requests_per_sec is 3"), "{words}");
    assert_eq!(flood(other).await, (20, None));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(flood(acme.clone()).await.0, 1);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(flood(acme).await.0, 3);
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_router_is_counted_by_when_it_was_sent() {
    let world = World::new().await;
    let acme = made(&world, "acme", Some(1)).await;
    // The log is away: each waits, and is delivered again and again.
    world.trouble.cut(true);
    let (nothing, kill) = (id("nothing"), kill());
    let sent = (0..5).map(|turn| {
        let ask = ask(&world, &acme, &nothing, &kill);
        async move {
            tokio::time::sleep(Duration::from_millis(1001) * turn).await;
            ask.await
        }
    });
    let mended = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        world.trouble.cut(false);
    };
    let (answers, ()) = tokio::join!(join_all(sent), mended);
    for answer in answers {
        assert_eq!(rejected(answer).0, Code::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn the_id_that_another_tenants_command_leads_to_cannot_be_taken_or_tried() {
    let world = World::new().await;
    let (acme, other) = (
        made(&world, "acme", None).await,
        made(&world, "other", None).await,
    );
    let theirs = SandboxId::from_command(&other, &CommandId::new("nightly").unwrap());
    let before = rejected(ask(&world, &acme, &theirs, &create()).await);
    assert_eq!(before.0, Code::InvalidRequest);
    accepted(send(&world, Route::Any, &other, "nightly", &theirs, &create()).await);
    let after = rejected(ask(&world, &acme, &theirs, &create()).await);
    assert_eq!(after, before, "nothing tells that it is there now");
    assert_eq!(
        rejected(ask_as(&world, &acme, "nightly", &theirs, &create()).await),
        before
    );
    // Its own command's is its own to name.
    let own = SandboxId::from_command(&acme, &CommandId::new("nightly").unwrap());
    accepted(ask_as(&world, &acme, "nightly", &own, &create()).await);
    accepted(ask(&world, &acme, &id("sb1"), &create()).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_another_tenant_is_found() {
    let world = World::new().await;
    let (acme, other) = (
        made(&world, "acme", None).await,
        made(&world, "other", None).await,
    );
    accepted(ask(&world, &other, &id("theirs"), &create()).await);
    let answered = |sandbox: &str| {
        let (world, acme, sandbox) = (&world, &acme, id(sandbox));
        async move { rejected(ask(world, acme, &sandbox, &kill()).await) }
    };
    let (code, words) = answered("theirs").await;
    assert_eq!(code, Code::NotFound);
    assert_eq!(answered("nobodys").await.1, words.replace("theirs", "nobodys"));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_never_made_has_no_sandboxes() {
    let world = World::new().await;
    let (code, words) = rejected(ask(&world, &tenant("ghost"), &id("s1"), &create()).await);
    assert_eq!(code, Code::NotFound);
    assert!(words.contains("no such tenant"), "{words}");
    accepted(ask(&world, &TenantId::first(), &id("s1"), &create()).await);
}

#[tokio::test(start_paused = true)]
async fn what_only_roost_asks_for_is_refused() {
    let world = World::new().await;
    let acme = made(&world, "acme", None).await;
    let sandbox = id("s1");
    accepted(ask(&world, &acme, &sandbox, &create()).await);
    for command in [
        start(1),
        SandboxCommand::HostDown(command::HostDown {
            generation: roost_schemas::Generation(1),
        }),
        change(&acme, TenantChange::SetLimits(Limits::default())),
        SandboxCommand::Kill(command::Kill {
            reason: StopReason::TimedOut,
            due: None,
        }),
        SandboxCommand::Pause(command::Pause {
            reason: PauseReason::TimedOut,
            due: None,
        }),
    ] {
        let (code, words) = rejected(ask(&world, &acme, &sandbox, &command).await);
        assert_eq!(code, Code::Forbidden, "{command:?}: {words}");
    }
    let system = TenantId::system();
    assert_eq!(
        rejected(ask(&world, &system, &sandbox, &kill()).await).0,
        Code::Forbidden
    );
    for reserved in [":s1.1.start", "@s1.1.booted"] {
        let (code, _) = rejected(ask_as(&world, &acme, reserved, &sandbox, &kill()).await);
        assert_eq!(code, Code::InvalidRequest, "{reserved}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_lets_nobody_have_more_than_it_may() {
    let mut world = World::new().await;
    let (one, two) = (world.running("s1").await, world.running("s2").await);
    world.paused(&one).await;
    world.paused(&two).await;
    let limits = Limits {
        vcpus: world
            .now(&one)
            .requested
            .map(|requested| requested.resources.vcpus),
        ..Limits::default()
    };
    let set = change(&TenantId::first(), TenantChange::SetLimits(limits));
    let operator = CommandId::random();
    accepted(
        send(
            &world,
            Route::Any,
            &TenantId::system(),
            operator.as_str(),
            &id("tenants"),
            &set,
        )
        .await,
    );
    world.kill_host().await;
    let asks = |sandbox: &SandboxId| {
        let (queue, sandbox) = (world.memory.queue(), sandbox.clone());
        let message = message(CommandId::random().as_str(), &resume());
        tokio::spawn(async move {
            let subject = World::subject(Route::Any, &sandbox);
            queue.request(&subject, message, PATIENCE).await.unwrap()
        })
    };
    let first = asks(&one);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let again = asks(&one);
    let (code, words) = rejected(asks(&two).await.unwrap());
    assert_eq!(code, Code::LimitExceeded, "{words}");
    world.start_host().await;
    accepted(first.await.unwrap());
    accepted(again.await.unwrap());
    world.phase(&one, Phase::Running).await;
    // What it was promised it has now, and gives back as before.
    world.paused(&one).await;
    world.resumed(&two).await;
}
