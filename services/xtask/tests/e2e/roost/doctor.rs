//! `roost doctor` on a machine on which Roost runs.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::supervise::Role;

use super::Roost;

pub(super) async fn finds_what_a_host_has(roost: &Roost<'_>) -> Result<()> {
    let state = roost.stack.state();
    let (nats, folder) = (roost.stack.nats_url(), state.of(Role::Host));
    let credentials = state.credentials(Role::Host).context("a host has some")?;
    let (folder, credentials) = (folder.to_string_lossy(), credentials.to_string_lossy());
    let args = [
        "--json",
        "doctor",
        "--state",
        &folder,
        "--nats",
        &nats,
        "--nats-nkey",
        &credentials,
    ];
    let ran = roost.run(&args).await?;
    let findings: Vec<Value> = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
    let verdict = |check: &str| {
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.map(|finding| &finding["verdict"])
    };
    // Sandboxes run here, by these programs and this log.
    for check in [
        "kernel",
        "rights",
        "engine",
        "nftables",
        "tap and namespaces",
        "daemons",
        "log",
        "clock agrees",
    ] {
        ensure!(
            verdict(check).is_some_and(|verdict| verdict != "fail"),
            "{check}: {findings:#?}"
        );
    }
    ensure!(
        verdict("clock agrees").is_some_and(|verdict| verdict == "ok"),
        "{findings:#?}"
    );
    for finding in &findings {
        ensure!(
            (finding["verdict"] == "ok") != finding["remedy"].is_string(),
            "{finding}"
        );
    }
    let fails = findings.iter().any(|finding| finding["verdict"] == "fail");
    ensure!(ran.code == i32::from(fails), "{ran:?}");
    Ok(())
}
