//! Programs by the command: exec, ps, logs.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncReadExt;
use xtask::supervise::Role;

use super::{Roost, refused};
use crate::restart::{eventually, kill};

pub(super) async fn end_as_they_do(roost: &Roost<'_>, id: &str) -> Result<()> {
    let ran = roost
        .run(&["exec", id, "sh", "-c", "echo out; echo err >&2; exit 3"])
        .await?;
    assert_eq!((ran.code, &*ran.out, &*ran.err), (3, "out\n", "err\n"));
    let ran = roost.run(&["exec", id, "--", "sh", "-c", "kill -9 $$"]).await?;
    assert_eq!(ran.code, 137, "{ran:?}");
    let ran = roost.run(&["exec", "--timeout", "1s", id, "sleep", "60"]).await?;
    assert_eq!(ran.code, 124, "{ran:?}");
    refused(roost, &["exec", id, "no-such-program"], 127, "no-such-program").await?;
    refused(roost, &["exec", "nobody", "true"], 125, "nobody").await?;

    let ran = roost
        .run_with(&["exec", "-i", id, "wc", "-c"], &vec![b'x'; 300_000])
        .await?;
    assert_eq!((ran.code, ran.out.trim()), (0, "300000"), "{ran:?}");
    let told = roost
        .json(&[
            "exec",
            "-e",
            "A=b c",
            "-w",
            "/tmp",
            id,
            "sh",
            "-c",
            "echo $A $PWD",
        ])
        .await?;
    assert_eq!(told["stdout"], "b c /tmp\n", "{told}");

    // Nobody reads to the end, and that is nobody's failure.
    let mut child = roost
        .command(&["exec", id, "seq", "1", "1000000"])?
        .stdout(Stdio::piped())
        .spawn()?;
    let mut first = [0; 10];
    child
        .stdout
        .take()
        .context("a pipe")?
        .read_exact(&mut first)
        .await?;
    assert_eq!(&first, b"1\n2\n3\n4\n5\n");
    let status = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    assert_eq!(status.context("it does not end")??.code(), Some(0));
    Ok(())
}

pub(super) async fn are_left_and_found_again(roost: &Roost<'_>, id: &str) -> Result<()> {
    let script = "echo begun; sleep 3; echo done";
    let process = roost.ok(&["exec", "--detach", id, "sh", "-c", script]).await?;
    // It is admitted; its guest may not have started it yet.
    eventually("it runs", async || {
        let running = roost.ok(&["ps", id]).await?;
        ensure!(
            running.contains(&process) && running.contains("sleep 3"),
            "{running}"
        );
        Ok(())
    })
    .await?;
    let so_far = eventually("it has begun", async || {
        let so_far = roost.ok(&["logs", id, &process]).await?;
        ensure!(so_far.starts_with("begun"), "{so_far:?}");
        Ok(so_far)
    });
    so_far.await?;
    assert_eq!(roost.ok(&["logs", "--follow", id]).await?, "begun\ndone");

    // Ctrl-C asks the program to end.
    let mut child = roost.command(&["exec", id, "sleep", "600"])?.spawn()?;
    eventually("it runs", async || {
        ensure!(roost.ok(&["ps", id]).await?.contains("sleep 600"));
        Ok(())
    })
    .await?;
    let pid = child.id().context("it runs")?.to_string();
    let sent = tokio::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .await?;
    ensure!(sent.success(), "cannot interrupt it");
    let status = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    assert_eq!(status.context("it does not end")??.code(), Some(143));
    Ok(())
}

pub(super) async fn outlive_a_gateway(roost: &Roost<'_>, id: &str) -> Result<()> {
    let script = "for n in $(seq 1 50); do echo line $n; sleep 0.1; done; exit 9";
    let mut child = roost
        .command(&["exec", id, "sh", "-c", script])?
        .stdout(Stdio::piped())
        .spawn()?;
    let mut out = child.stdout.take().context("a pipe")?;
    let mut all = vec![0; 6];
    out.read_exact(&mut all).await?;
    kill(roost.stack, Role::Gateway).await?;
    tokio::time::timeout(Duration::from_mins(1), out.read_to_end(&mut all))
        .await
        .context("no end")??;
    let lines: Vec<_> = (1..=50).map(|n| format!("line {n}\n")).collect();
    let wanted = lines.concat();
    assert_eq!(String::from_utf8_lossy(&all), wanted);
    assert_eq!(child.wait().await?.code(), Some(9));
    Ok(())
}
