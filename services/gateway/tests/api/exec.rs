//! Programs: how they end, what they write, and what may go wrong meanwhile.

use std::time::Duration;

use roost_gateway::Limits;
use serde_json::json;

use crate::host::programs::FLOOD;
use crate::world::{World, limits};

#[tokio::test]
async fn every_way_to_end_is_told() {
    let world = World::new().await;
    let id = world.sandbox().await;
    for (cmd, exit_code, signal, timed_out) in [
        ("true", 0, None, false),
        ("false", 1, None, false),
        ("segfault", 139, Some(11), false),
        ("slow", 124, None, true),
    ] {
        let result = world.exec(&id, cmd).await.ok(200);
        assert_eq!(result["exit_code"], exit_code, "{cmd}");
        assert_eq!(result["signal"].as_i64(), signal, "{cmd}");
        assert_eq!(result["timed_out"], timed_out, "{cmd}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let message = world.exec(&id, "missing").await.error(422, "command_not_started");
    assert!(
        message.contains("\"missing\"") && message.contains("no such file"),
        "{message}"
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_come_as_base64() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let result = world.exec(&id, "binary").await.ok(200);
    assert_eq!(result["encoding"], "base64");
    assert_eq!(
        (&result["stdout"], &result["stderr"]),
        (&json!("//4A"), &json!("dGV4dA=="))
    );
    assert_eq!(result["stdout_bytes"], 3);
}

#[tokio::test]
async fn a_flood_is_cut_and_stays_text() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let result = world.exec(&id, "flood").await.ok(200);
    assert_eq!(
        (&result["encoding"], &result["truncated"]),
        (&json!("utf-8"), &json!(true))
    );
    assert_eq!(result["stdout_bytes"], FLOOD);
    let stdout = result["stdout"].as_str().unwrap();
    assert!(stdout.chars().all(|c| c == '€'));
    assert_eq!(stdout.len() as u64, roost_schemas::output::MAX_KEPT / 3 * 3);
}

#[tokio::test]
async fn a_sandbox_that_dies_meanwhile_is_an_error_and_not_a_wait() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let message = world.exec(&id, "dies").await.error(409, "sandbox_ended");
    assert!(
        message.contains(&id) && message.contains("killed by signal 9"),
        "{message}"
    );
    let sandbox = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(
        (&sandbox["state"], &sandbox["cause"]["kind"]),
        (&json!("lost"), &json!("engine_exited"))
    );
}

#[tokio::test]
async fn a_sandbox_killed_meanwhile_is_an_error_too() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let (exec, deleted) = tokio::join!(world.exec(&id, "never"), async {
        let running = world.ports.fleet.until(crate::world::LONG, |fleet| {
            fleet
                .live()
                .next()
                .filter(|(_, _, view)| view.state.processes.len() == 1)
                .map(drop)
        });
        running.await.unwrap();
        world.delete(&format!("/v1/sandboxes/{id}")).send().await
    });
    deleted.ok(204);
    assert!(exec.error(409, "sandbox_ended").contains("stopped"));
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_not_made_up() {
    let world = World::new().await;
    let id = world.sandbox().await;
    assert!(
        world
            .exec(&id, "unreachable")
            .await
            .error(502, "process_lost")
            .contains("the connection broke")
    );
}

#[tokio::test]
async fn a_last_frame_that_never_comes_is_read_from_the_log() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let request = json!({"cmd": "no-last-frame", "args": ["words"]});
    let result = world
        .post(&format!("/v1/sandboxes/{id}/exec"), &request)
        .send()
        .await
        .ok(200);
    assert_eq!(
        (&result["stdout"], &result["exit_code"]),
        (&json!("words"), &json!(0))
    );
    assert_eq!(result["truncated"], false);
}

#[tokio::test]
async fn a_program_without_an_end_is_given_up_in_time() {
    let world = World::with(Limits {
        exec_grace: Duration::ZERO,
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    let request = json!({"cmd": "never", "timeout_sec": 1});
    let answer = world
        .post(&format!("/v1/sandboxes/{id}/exec"), &request)
        .send()
        .await;
    assert!(answer.error(504, "deadline_exceeded").contains("has not ended"));
}

#[tokio::test]
async fn too_many_at_once_are_asked_to_come_back() {
    let world = World::with(Limits { execs: 0, ..limits() }).await;
    let id = world.sandbox().await;
    let answer = world.exec(&id, "echo").await;
    answer.error(429, "no_capacity");
    assert!(!answer.header("Retry-After").is_empty());
}

#[tokio::test]
async fn more_output_than_the_gateway_holds_is_refused_and_can_be_asked_for_again() {
    let world = World::with(Limits {
        exec_bytes: 1 << 20,
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    let answer = world.exec(&id, "flood").await;
    answer.error(503, "unavailable");
    assert!(!answer.header("Idempotency-Key").is_empty());
    assert!(!answer.header("Retry-After").is_empty());
    world.exec(&id, "echo").await.ok(200);
}

#[tokio::test]
async fn in_a_sandbox_that_has_ended_nothing_runs() {
    let world = World::new().await;
    let id = world.sandbox().await;
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
    let message = world.exec(&id, "echo").await.error(409, "invalid_state");
    assert!(message.contains("stopped"), "{message}");
}
