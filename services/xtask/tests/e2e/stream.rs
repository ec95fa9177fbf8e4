//! Programs that are spoken with: input, terminals, signals, and sockets that break.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::{eventually, kill};
use crate::socket::Socket;

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_spoken_with_over_a_socket() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        input_is_read_in_order_and_ends(stack, &sandbox).await?;
        a_terminal_has_its_size_and_gets_another(stack, &sandbox).await?;
        a_broken_socket_loses_nothing(stack, &sandbox).await?;
        more_than_is_kept_comes_through_whole(stack, &sandbox).await?;
        a_signal_passes_input_that_nobody_reads(stack, &sandbox).await?;
        a_program_in_the_background_is_found_and_ended(stack, &sandbox).await?;
        what_cannot_be_is_told_and_leaves_the_rest(stack, &sandbox).await?;
        api.kill(&sandbox).await
    })
    .await
}

async fn input_is_read_in_order_and_ends(stack: &Stack, sandbox: &str) -> Result<()> {
    let (mut socket, _) = Socket::start(stack, sandbox, json!({"cmd": "cat", "stdin": true})).await?;
    let lines: Vec<_> = (0..200).map(|n| format!("line {n}\n")).collect();
    for line in &lines {
        socket.stdin(line).await?;
    }
    socket.send(&json!({"type": "close_stdin"})).await?;
    let end = socket.end().await?;
    assert_eq!(
        (&end["status"], &end["exit_code"]),
        (&json!("exited"), &json!(0)),
        "{end}"
    );
    assert_eq!(String::from_utf8_lossy(&socket.output), lines.concat());
    assert_eq!(end["stdout_bytes"], lines.concat().len());
    Ok(())
}

async fn a_terminal_has_its_size_and_gets_another(stack: &Stack, sandbox: &str) -> Result<()> {
    let shell = json!({"cmd": "sh", "pty": {"cols": 81, "rows": 23}, "timeout_sec": 120});
    let (mut socket, _) = Socket::start(stack, sandbox, shell).await?;
    socket.stdin("stty size\n").await?;
    socket.until("23 81").await?;
    socket
        .send(&json!({"type": "resize", "cols": 120, "rows": 50}))
        .await?;
    // It goes its own way, so the shell may be asked before it has come through.
    let began = Instant::now();
    while !String::from_utf8_lossy(&socket.output).contains("50 120") {
        ensure!(began.elapsed() < Duration::from_secs(30), "no new size");
        socket.stdin("stty size; echo asked\n").await?;
        socket.output.clear();
        socket.until("\nasked").await?;
    }
    socket.stdin("exit 3\n").await?;
    let end = socket.end().await?;
    assert_eq!(end["exit_code"], 3, "{end}");
    Ok(())
}

async fn a_broken_socket_loses_nothing(stack: &Stack, sandbox: &str) -> Result<()> {
    let script = "for n in $(seq 1 40); do echo tick $n; sleep 0.1; done";
    let (mut first, process) =
        Socket::start(stack, sandbox, json!({"cmd": "sh", "args": ["-c", script]})).await?;
    first.until("tick 5\n").await?;
    let mut whole = std::mem::take(&mut first.output);
    drop(first);
    // Whoever served it may be gone too.
    kill(stack, Role::Gateway).await?;
    let path = format!(
        "/v1/sandboxes/{sandbox}/exec/stream?process={process}&stdout={}",
        whole.len()
    );
    let mut second = eventually("a new gateway", async || Socket::open(stack, &path).await).await?;
    assert_eq!(second.next().await?["process_id"], json!(process));
    let end = second.end().await?;
    assert_eq!(end["exit_code"], 0, "{end}");
    whole.extend(&second.output);
    let wanted = (1..=40)
        .map(|n| format!("tick {n}\n"))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(String::from_utf8_lossy(&whole), wanted);
    // Long after its end it is told once more, from the beginning.
    let path = format!("/v1/sandboxes/{sandbox}/exec/stream?process={process}");
    let mut third = Socket::open(stack, &path).await?;
    third.next().await?;
    assert_eq!(third.end().await?, end);
    assert_eq!(String::from_utf8_lossy(&third.output), wanted);
    Ok(())
}

/// Bytes of a flood, twice what is kept of it.
const FLOOD: usize = 16 << 20;

async fn more_than_is_kept_comes_through_whole(stack: &Stack, sandbox: &str) -> Result<()> {
    let script = format!("head -c {FLOOD} /dev/zero; sleep 1; echo last");
    let program = json!({"cmd": "sh", "args": ["-c", script], "timeout_sec": 120});
    let (mut socket, process) = Socket::start(stack, sandbox, program).await?;
    let end = socket.end().await?;
    assert_eq!(
        (&end["exit_code"], socket.output.len()),
        (&json!(0), FLOOD + 5),
        "{end}"
    );
    assert!(socket.output.ends_with(b"\0last\n") && socket.output[..FLOOD].iter().all(|byte| *byte == 0));
    // Who comes later gets what is kept, and is told what is not.
    let path = format!("/v1/sandboxes/{sandbox}/exec/stream?process={process}");
    let mut late = Socket::open(stack, &path).await?;
    let mut missing = 0;
    loop {
        let message = late.next().await?;
        match message["type"].as_str() {
            Some("gap") => {
                let at = |side: &str| message[side].as_u64().context("a gap has both sides");
                missing += usize::try_from(at("to")? - at("from")?)?;
            }
            Some("end") => break,
            _ => {}
        }
    }
    assert!(missing > 0);
    assert_eq!(late.output.len() + missing, FLOOD + 5);
    Ok(())
}

async fn a_signal_passes_input_that_nobody_reads(stack: &Stack, sandbox: &str) -> Result<()> {
    let sleeper = json!({"cmd": "sleep", "args": ["600"], "stdin": true, "timeout_sec": 600});
    let (mut socket, _) = Socket::start(stack, sandbox, sleeper).await?;
    // More than a pipe holds.
    for _ in 0..4 {
        socket.stdin(&"x".repeat(64 * 1024)).await?;
    }
    socket
        .send(&json!({"type": "signal", "signal": "SIGTERM"}))
        .await?;
    let end = loop {
        let message = socket.next().await?;
        // The input that was not read may be told as lost.
        if message["type"] == "end" {
            break message;
        }
        assert_eq!(message["type"], "error", "{message}");
    };
    assert_eq!(
        (&end["status"], &end["signal"]),
        (&json!("signaled"), &json!(15)),
        "{end}"
    );
    Ok(())
}

async fn a_program_in_the_background_is_found_and_ended(stack: &Stack, sandbox: &str) -> Result<()> {
    let api = stack.api();
    let base = format!("/v1/sandboxes/{sandbox}");
    let request = json!({"cmd": "cat", "stdin": true, "background": true});
    let started = api.send(Method::POST, &format!("{base}/exec"), &request).await?;
    let started: Value = started.read(StatusCode::ACCEPTED)?;
    let process = started["process_id"].as_str().context("it has an id")?.to_owned();
    let of = format!("{base}/processes/{process}");
    let written = api
        .send_raw(Method::POST, &format!("{of}/stdin"), &[], "hello\n")
        .await?;
    written.expect(StatusCode::NO_CONTENT)?;
    let listed = api
        .send(Method::GET, &format!("{base}/processes"), &Value::Null)
        .await?;
    let listed: Value = listed.read(StatusCode::OK)?;
    let listed = listed["processes"].as_array().context("a list")?;
    assert!(
        listed
            .iter()
            .any(|one| one["process_id"] == json!(process) && one["cmd"] == "cat"),
        "{listed:?}"
    );
    let mut socket = Socket::open(stack, &format!("{base}/exec/stream?process={process}")).await?;
    assert_eq!(socket.next().await?["type"], "started");
    socket.until("hello\n").await?;
    let kill = json!({"signal": "SIGKILL"});
    let killed = api.send(Method::POST, &format!("{of}/signal"), &kill).await?;
    killed.expect(StatusCode::NO_CONTENT)?;
    let end = socket.end().await?;
    assert_eq!(
        (&end["status"], &end["signal"]),
        (&json!("signaled"), &json!(9)),
        "{end}"
    );
    let gone = api.send(Method::POST, &format!("{of}/signal"), &kill).await?;
    assert_eq!(gone.error_code().as_deref(), Some("not_found"));
    Ok(())
}

async fn what_cannot_be_is_told_and_leaves_the_rest(stack: &Stack, sandbox: &str) -> Result<()> {
    let (mut socket, _) = Socket::start(stack, sandbox, json!({"cmd": "cat", "stdin": true})).await?;
    for bad in [
        json!({"type": "dance"}),
        json!({"type": "resize", "cols": 80, "rows": 24}),
    ] {
        socket.send(&bad).await?;
        let message = socket.next().await?;
        assert_eq!(message["type"], "error", "{bad}: {message}");
    }
    socket.stdin("still here\n").await?;
    socket.until("still here\n").await?;
    socket.send(&json!({"type": "close_stdin"})).await?;
    assert_eq!(socket.end().await?["exit_code"], 0);
    // One that does not exist is a typed end, and no silence.
    let began = Instant::now();
    let (mut socket, _) = Socket::start(stack, sandbox, json!({"cmd": "no-such-program"})).await?;
    let end = socket.end().await?;
    assert_eq!(end["status"], "not_started", "{end}");
    assert!(began.elapsed() < Duration::from_secs(30));
    Ok(())
}
