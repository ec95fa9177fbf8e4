//! Keys, tenants and webhooks by the command.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{Roost, refused};

pub(super) async fn admit_and_are_revoked(roost: &Roost<'_>) -> Result<()> {
    let key = roost
        .ok(&["key", "create", "reader", "--scope", "read", "--expires", "1h"])
        .await?;
    ensure!(key.starts_with("e2b_") && key.len() == 44, "{key}");
    let reader = roost.with_key(&key);
    reader.ok(&["ls"]).await?;
    refused(&reader, &["create", "minimal"], 4, "scope").await?;
    let keys = roost.json(&["key", "list"]).await?;
    let mut listed = keys.as_array().context("a list")?.iter();
    let listed = listed
        .find(|one| one["name"] == "reader")
        .context("it is listed")?;
    assert_eq!(
        (&listed["scope"], &listed["state"]),
        (&json!("read"), &json!("active"))
    );
    ensure!(!keys.to_string().contains(&key), "the key itself is told");
    let table = roost.ok(&["key", "list"]).await?;
    ensure!(table.contains("reader") && table.contains("active"), "{table}");

    roost
        .ok(&["key", "revoke", listed["id"].as_str().context("an id")?])
        .await?;
    refused(&reader, &["ls"], 4, "").await?;
    let unknown = roost.with_key("e2b_0000000000000000000000000000000000000000");
    refused(&unknown, &["ls"], 4, "").await
}

pub(super) async fn tenants_are_apart_and_limited(roost: &Roost<'_>) -> Result<()> {
    roost
        .ok(&["tenant", "create", "acme", "--sandboxes", "5"])
        .await?;
    let key = roost.ok(&["key", "create", "ci", "--tenant", "acme"]).await?;
    let acme = roost.with_key(&key);
    let ours = roost.sandbox().await?;
    assert_eq!(acme.ok(&["ls", "-q"]).await?, "");
    refused(&acme, &["get", &ours], 3, &ours).await?;
    refused(&acme, &["tenant", "ls"], 4, "").await?;
    roost
        .ok(&["tenant", "limits", "acme", "--sandboxes", "0"])
        .await?;
    refused(&acme, &["create", "minimal"], 6, "sandboxes").await?;
    let tenants = roost.ok(&["tenant", "ls"]).await?;
    ensure!(tenants.contains("acme") && tenants.contains("0/0"), "{tenants}");
    roost.ok(&["rm", &ours]).await.map(drop)
}

pub(super) async fn webhooks_are_kept(roost: &Roost<'_>) -> Result<()> {
    let create = [
        "webhook",
        "create",
        "https://hooks.example.com/roost",
        "--type",
        "running,stopped",
        "-l",
        "a=b",
    ];
    let id = roost.ok(&create).await?;
    let webhook = roost.json(&["webhook", "get", &id]).await?;
    assert_eq!(webhook["types"], json!(["running", "stopped"]), "{webhook}");
    let table = roost.ok(&["webhook", "ls"]).await?;
    ensure!(
        table.contains(&id) && table.contains("running,stopped") && table.contains("a=b"),
        "{table}"
    );
    ensure!(roost.ok(&["webhook", "secret", &id]).await?.starts_with("whsec_"));
    assert_eq!(roost.json(&["webhook", "dead", &id]).await?, json!([]));
    refused(roost, &["webhook", "redeliver", &id, "1"], 3, "1").await?;
    refused(
        roost,
        &["webhook", "create", "http://127.0.0.1/hook"],
        1,
        "127.0.0.1",
    )
    .await?;
    roost.ok(&["webhook", "rm", &id]).await?;
    refused(roost, &["webhook", "get", &id], 3, &id).await
}
