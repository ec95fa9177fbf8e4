//! Programs that are followed from outside while their sandbox is paused and resumed: nothing is lost or told twice.

use anyhow::{Result, ensure};
use serde_json::json;
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::{act, view};
use crate::harness::with_stack;
use crate::restart::{eventually, kill};
use crate::socket::Socket;

const SCRIPT: &str =
    "for n in $(seq 1 60); do echo tick $n; sleep 0.1; done; read -r word; echo got $word; exit 3";

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_program_goes_on_after_a_pause_and_ends_once() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let program = json!({"cmd": "sh", "args": ["-c", SCRIPT], "stdin": true, "timeout_sec": 300});
        let (mut socket, process) = Socket::start(stack, &sandbox, program).await?;
        socket.until("tick 5\n").await?;
        drop(socket);
        act(&api, &sandbox, "pause").await?;
        ensure!(view(&api, &sandbox).await?["processes"] == 1, "it is only asleep");
        act(&api, &sandbox, "resume").await?;
        let mut socket = follow(stack, &sandbox, &process).await?;
        socket.until("tick 20\n").await?;
        drop(socket);
        // Over a pause that the host does not live through.
        act(&api, &sandbox, "pause").await?;
        kill(stack, Role::Host).await?;
        eventually("resume", async || act(&api, &sandbox, "resume").await).await?;
        let mut socket = follow(stack, &sandbox, &process).await?;
        socket.until("tick 60\n").await?;
        socket.stdin("it\n").await?;
        let end = socket.end().await?;
        assert_eq!(end["exit_code"], 3, "{end}");
        let ticks = (1..=60).map(|n| format!("tick {n}\n"));
        let wanted = ticks.collect::<Vec<_>>().concat() + "got it\n";
        assert_eq!(String::from_utf8_lossy(&socket.output), wanted);
        assert_eq!(view(&api, &sandbox).await?["processes"], 0);
        api.kill(&sandbox).await
    })
    .await
}

/// From its beginning.
async fn follow(stack: &Stack, sandbox: &str, process: &str) -> Result<Socket> {
    let path = format!("/v1/sandboxes/{sandbox}/exec/stream?process={process}");
    let mut socket = Socket::open(stack, &path).await?;
    socket.next().await?;
    Ok(socket)
}
