//! The life of a sandbox by the command: create to rm.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Roost, refused};

pub(super) async fn live_through_everything(roost: &Roost<'_>) -> Result<()> {
    let labels = ["-l", "owner=ci", "-l", "run=7"];
    let create = [
        "create",
        "minimal",
        "--timeout",
        "10m",
        "-e",
        "COLOUR=blue",
        "--deny",
        "192.0.2.0/24",
    ];
    let id = roost.ok(&[&create[..], &labels].concat()).await?;
    listed(roost, &id).await?;
    let sandbox = roost.json(&["get", &id]).await?;
    assert_eq!(
        (
            &sandbox["timeout_sec"],
            &sandbox["metadata"]["owner"],
            &sandbox["network"]["deny"]
        ),
        (&json!(600), &json!("ci"), &json!(["192.0.2.0/24"])),
        "{sandbox}"
    );
    let colour = roost.ok(&["exec", &id, "sh", "-c", "echo $COLOUR"]).await?;
    assert_eq!(colour, "blue");

    roost.ok(&["timeout", &id, "1h"]).await?;
    let policy = roost
        .json(&["network", &id, "--no-internet", "--allow", "192.0.2.1"])
        .await?;
    assert_eq!(
        (&policy["internet"], &policy["allow"]),
        (&json!(false), &json!(["192.0.2.1/32"])),
        "{policy}"
    );
    assert_eq!(roost.json(&["network", &id]).await?, policy);

    branches(roost, &id).await?;

    let paused = roost.json(&["pause", &id]).await?;
    assert_eq!(
        (&paused[0]["id"], &paused[0]["state"]),
        (&json!(id), &json!("paused")),
        "{paused}"
    );
    refused(roost, &["exec", &id, "true"], 125, "paused").await?;
    roost.ok(&["resume", &id, "--timeout", "10m"]).await?;
    roost.ok(&["exec", &id, "true"]).await?;

    roost.ok(&["rm", &id]).await?;
    refused(roost, &["pause", &id], 5, &id).await?;
    let all = roost.json(&["ls", "--all", "-l", "owner=ci"]).await?;
    assert_eq!(all[0]["state"], "stopped", "{all}");
    refused(roost, &["rm", "nobody"], 3, "nobody").await?;
    // What is no id is in no path of a request.
    refused(roost, &["rm", "x?y", &id], 2, "x?y").await?;
    refused(roost, &["create", "no-such-template"], 3, "no-such-template").await?;
    refused(roost, &["create", "--timeout", "soon"], 2, "soon").await?;
    let host = roost.ok(&["host", "ls"]).await?;
    ensure!(host.contains("taking"), "{host}");
    Ok(())
}

async fn listed(roost: &Roost<'_>, id: &str) -> Result<()> {
    let table = roost.ok(&["ls", "--label", "run=7"]).await?;
    let mut lines = table.lines();
    let heading = lines.next().context("a heading")?;
    ensure!(heading.starts_with("ID") && heading.contains("STATE"), "{table}");
    let line = lines.next().context("a line")?;
    ensure!(
        line.starts_with(id) && line.contains("running") && line.contains("owner=ci run=7"),
        "{table}"
    );
    ensure!(
        !table.contains('\u{1b}'),
        "colours where nobody sees them: {table:?}"
    );
    let coloured = roost.ok(&["ls", "--color", "always"]).await?;
    ensure!(coloured.contains('\u{1b}'), "no colours: {coloured:?}");
    assert_eq!(roost.ok(&["ls", "-q"]).await?, id);
    assert_eq!(roost.ok(&["ls", "-q", "--label", "run=8"]).await?, "");
    Ok(())
}

/// Forks, and a template made of it.
async fn branches(roost: &Roost<'_>, id: &str) -> Result<()> {
    roost
        .ok(&["exec", id, "sh", "-c", "echo kept > /tmp/kept"])
        .await?;
    let children = roost.ok(&["fork", id, "-n", "2", "-l", "branch=yes"]).await?;
    let children: Vec<_> = children.lines().collect();
    assert_eq!(children.len(), 2);
    for child in &children {
        assert_eq!(roost.ok(&["exec", child, "cat", "/tmp/kept"]).await?, "kept");
    }
    roost.ok(&[&["rm"], &children[..]].concat()).await?;

    assert_eq!(roost.ok(&["snapshot", "create", id, "mine"]).await?, "mine");
    let snapshots = roost.ok(&["snapshot", "ls"]).await?;
    ensure!(
        snapshots.contains("mine") && snapshots.contains(id),
        "{snapshots}"
    );
    let templates = roost.json(&["template", "ls"]).await?;
    let names: Vec<&Value> = templates
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| &one["name"])
        .collect();
    ensure!(
        names.contains(&&json!("mine")) && names.contains(&&json!("minimal")),
        "{templates}"
    );
    let child = roost.ok(&["create", "mine"]).await?;
    assert_eq!(roost.ok(&["exec", &child, "cat", "/tmp/kept"]).await?, "kept");
    roost.ok(&["rm", &child]).await?;
    roost.ok(&["template", "rm", "mine"]).await.map(drop)
}
